"""For all tests: signals as a program finds them that a person starts."""

import signal


# a shell that runs us in the background, or nohup, has us ignore some, and those we start would inherit that
for _number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(_number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
