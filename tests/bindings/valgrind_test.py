#!/usr/bin/env python3
"""The C interface's test program under valgrind: no error, nothing lost.
Usage: valgrind_test.py VALGRIND PROGRAM ARGUMENTS..."""
import subprocess
import sys

done = subprocess.run([sys.argv[1], "--quiet", "--error-exitcode=99", "--leak-check=full",
                       "--errors-for-leak-kinds=definite,indirect,possible", *sys.argv[2:]],
                      capture_output=True, text=True)
text = done.stdout + done.stderr
if any(said in text for said in ("Unrecognised instruction", "unhandled instruction", "Illegal opcode")):
    print("valgrind does not know an instruction of this build: use -Dmarch=x86-64-v3")
    sys.exit(77)
print(text[-6000:])
sys.exit(done.returncode)
