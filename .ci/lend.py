"""`lend.py ENV`: gives ENV, where only our wheel is installed, the packages that the wheel declares, by links to this environment's files.

It saves downloading PyTorch twice, and is as strict as an install: what is not required, directly or by what is required, is not there.
`lend(site, requirements, hard=True)` makes real folders of hard links instead, which pip may change without changing what is here.
"""
import os, shutil, subprocess, sys
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

def site_of(env):
    "Where an environment keeps its packages."
    said = subprocess.run([Path(env)/'bin'/'python', '-c', 'import sysconfig; print(sysconfig.get_path("purelib"))'], check=True, capture_output=True, text=True)
    return Path(said.stdout.strip())

def needs(dist, extras=()):
    "Requirements that hold on this machine."
    for r in map(Requirement, dist.requires or []):
        if not r.marker or any(r.marker.evaluate({'extra': e}) for e in ('', *extras)): yield r

def link(a, b):
    try: os.link(a, b)
    except OSError: shutil.copy2(a, b)      # another disk

def place(dist, site, hard):
    "Put the files of a package there."
    for top in {f.parts[0] for f in dist.files or [] if f.parts[0] not in ('..', '__pycache__', '.')}:
        at, to = Path(dist.locate_file(top)), site/top
        if not at.exists() or to.exists() and not (hard and at.is_dir()): continue
        if not hard: to.symlink_to(at)
        elif at.is_dir(): shutil.copytree(at, to, copy_function=link, dirs_exist_ok=True, ignore=lambda d, names: [n for n in names if (to/Path(d).relative_to(at)/n).is_file()])
        else: link(at, to)

def lend(site, requirements, hard=False, but=()):
    "Lend what is required, and what that requires, except what is there already; gives the packages by name."
    lent, todo = {}, [(r, r.extras) for r in requirements]
    while todo:
        r, extras = todo.pop(0)
        key = (canonicalize_name(r.name), *sorted(extras))
        if key in lent or key[0] in but: continue
        d = distribution(r.name)
        if not r.specifier.contains(d.version, prereleases=True): sys.exit(f'{r} is required, {d.version} is here')
        lent[key] = d
        place(d, site, hard)
        todo += [(o, o.extras) for o in needs(d, extras)]
    return {k[0]: d for k, d in lent.items()}

if __name__ == '__main__':
    site = site_of(sys.argv[1])
    ours, = site.glob('picnet_nb-*.dist-info')
    print(f'- {len(lend(site, needs(Distribution.at(ours))))} packages by requirement, of {len([*distributions()])} in the development environment')
