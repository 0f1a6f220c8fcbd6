import time
t=time.time()
from tests.netns.lab import Lab
from tests.netns.daemon import Daemon
from pathlib import Path
print("imports", time.time()-t)
t=time.time()
with Lab() as lab:
    print("lab", time.time()-t); t=time.time()
    d=Daemon(lab, Path("/opt/qverdictd/rules/rules.yaml"))
    d.wait_ready()
    print("ready", time.time()-t); t=time.time()
    print(d.said)
    d.end()
    print(d.said)
