"""The rules, a module for each field. A rule is a row: its name, what it says, and the function that finds it."""
