"""What the Python programs of this folder count and refuse alike."""
import sys

failures = 0


def check(good, what):
    global failures
    if not good:
        failures += 1
        print("failed:", what)


def refused(words, call, status=1):
    """The call raises amq.Error of this status, with the words in its text."""
    import amq

    try:
        call()
    except amq.Error as e:
        check(words in str(e) and e.status == status, f"{words}, status {status}: {e}, status {e.status}")
    except BaseException as e:
        check(False, f"{words}: {type(e).__name__}: {e}")
    else:
        check(False, f"{words}: nothing was refused")


def end():
    print(f"{failures} failed")
    sys.exit(failures > 0)
