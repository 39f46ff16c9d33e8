#!/usr/bin/env python3
# For scripts that run `python paxect_link_plugin.py`: runs paxect from the folder of this file or from PATH.
import os, shutil, sys

if __name__ == "__main__":
    places = [os.path.dirname(os.path.abspath(__file__)), os.environ.get("PATH", os.defpath), "/usr/local/bin"]
    tool = shutil.which("paxect", path=os.pathsep.join(places))
    tool or sys.exit("paxect_link_plugin.py: cannot find paxect: install it, or put a link to it beside this file")
    os.execv(tool, [tool, "run", *sys.argv[1:]])
