"""Finding races: a portfolio of schedules run in the guest, each find confirmed by a replay before it counts.

grading.md, "Races".  README.md has the picture.
"""
