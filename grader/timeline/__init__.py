"""A run's synchronization as a picture: threads and processors as rows, waits, wake-ups, boosts and DPCs between them.

TOL-03.  model.py is what is drawn; events.py makes it from the event ring, race.py from an explored schedule; page.py
and chrome.py write it.
"""
