"""`make check`: small programs of this machine's own around the sources of an exercise."""
