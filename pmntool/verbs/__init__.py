"""What pmntool does: a command each, as a function of the same name, and what several of them share."""
