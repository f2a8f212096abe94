"""ProcMon: which thread runs on which processor."""
