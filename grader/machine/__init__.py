"""Emulators under the grader's control: QEMU (judging, debugging) and Bochs (smoke runs)."""
