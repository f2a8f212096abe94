"""`make mutate`: wrong solutions by rule, made from the reference, and which of them the tests let pass.

    make mutate LAB=1                       every exercise of a lab, every mutant: for a night
    make mutate LAB=1 EX=1.3 SAMPLE=60      a seeded sample of one exercise
    make mutate LAB=1 HINTS=60              some of the killed ones with their hints, to be judged by eye

A mutant is the reference with one small change in the region of an exercise (rules.py, assembly.py).  What does not compile,
what compiles to the reference's code, and what compiles to the code of another mutant is left out.  Each of the others meets
its exercise's tests at three seeds.  One that passes at a seed has survived there: either a test is missing, or the mutant is
right, and then solutions/N-slug/equivalent.txt says why.

tokens.py, statements.py   what C++ is made of, as far as the rules must know
rules.py, assembly.py      the changes
mutants.py                 the mutants of an exercise: names, samples, the reviewed list
objectcode.py              when two objects hold the same code
engine.py                  building, running, remembering
figures.py                 the table, the survivors, the hints
"""
