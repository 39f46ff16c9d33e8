#!/usr/bin/env python3
# For scripts that run `python paxect_core.py`: runs paxect-core from the folder of this file or from PATH.
import os, shutil, sys

if __name__ == "__main__":
    places = [os.path.dirname(os.path.abspath(__file__)), os.environ.get("PATH", os.defpath), "/usr/local/bin"]
    tool = shutil.which("paxect-core", path=os.pathsep.join(places))
    tool or sys.exit("paxect_core.py: cannot find paxect-core: install it, or put a link to it beside this file")
    os.execv(tool, [tool, *sys.argv[1:]])
