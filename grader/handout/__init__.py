"""The students' branches, made of the complete tree."""
