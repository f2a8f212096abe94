"""The grader of Mica: builds a student's kernel, boots it in QEMU and judges it from the host.

See README.md in this folder for the picture; `python3 -m grader --help` for the commands.
"""
