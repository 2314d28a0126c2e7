"""`lend.py ENV`: gives ENV, where only our wheel is installed, the packages that the wheel declares, by links to this environment's files.

It saves downloading PyTorch twice, and is as strict as an install: what is not required, directly or by what is required, is not there.
"""
import subprocess, sys
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

python = Path(sys.argv[1])/'bin'/'python'
site = Path(subprocess.run([python, '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], check=True, capture_output=True, text=True).stdout.strip())
ours, = site.glob('picnet_nb-*.dist-info')
lent = {}

def needs(dist, extras=()):
    "Requirements that hold on this machine."
    for r in map(Requirement, dist.requires or []):
        if not r.marker or any(r.marker.evaluate({'extra': e}) for e in ('', *extras)): yield r

def lend(dist):
    tops = {f.parts[0] for f in dist.files or [] if f.parts[0] not in ('..', '__pycache__', '.')}
    for top in tops:
        at = Path(dist.locate_file(top))
        if at.exists() and not (site/top).exists(): (site/top).symlink_to(at)

def walk(dist, extras=()):
    for r in needs(dist, extras):
        name, key = canonicalize_name(r.name), (canonicalize_name(r.name), *sorted(r.extras))
        if key in lent: continue
        d = distribution(r.name)
        if d.version not in r.specifier and not r.specifier.contains(d.version, prereleases=True): sys.exit(f'{r} is required, {d.version} is here')
        lent[key] = d
        lend(d)
        walk(d, r.extras)

walk(Distribution.at(ours))
print(f'- {len({k[0] for k in lent})} packages by requirement, of {len([*distributions()])} in the development environment')
