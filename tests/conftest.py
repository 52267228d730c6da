from hypothesis import settings

# Laws are judged by their answer, never by the clock of a busy machine.
settings.register_profile("untimed", deadline=None, print_blob=True)
settings.load_profile("untimed")
