"""The sides that are written in Python. Each connects to the control port that it is given, and says and hears lines:

    ready PORT                       it listens there
    run EVENTS RATE SECONDS CREDIT   emit so many events a turn, RATE turns a second (0: as they come)
    credit TURNS                     so many turns more may be under way
    collect                          collect garbage
    done TURNS                       the answer to `run` and to `collect`

It ends with the control connection. A subscriber sends `join` on the namespace `/tasks` and is answered.
"""
