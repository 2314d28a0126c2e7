#!/usr/bin/env python3
"""README.md is made from nbs/index.ipynb. `python .ci/readme.py` writes it, `--check` says whether it is up to date.

Cells marked `#| hide`, and texts that begin with `<!-- not in the README -->`, are left out, directive lines are dropped, and relative links, which in the notebook start from nbs/, are made to start
from the top. Pictures are files in nbs/images/, linked from markdown. Standard library only.
"""
import difflib, json, posixpath, re, sys
from docs import root, source

link = re.compile(r'''(?P<pre>\]\(|\b(?:src|href)=["'])(?P<to>[^)"'\s#]+)''')
note = '<!-- Made from nbs/index.ipynb by .ci/readme.py; edit the notebook, not this file. -->'

def is_file(to): return not re.match(r'[a-z][a-z+.-]*:|/', to, re.I)

def from_top(m):
    "A link that starts from nbs/, as one that starts from the top."
    to = m['to']
    return m['pre'] + (posixpath.normpath(posixpath.join('nbs', to)) if is_file(to) else to)

def parts(cell):
    "The pieces of markdown that a cell becomes."
    code, marks = source(cell)
    if cell['cell_type'] == 'markdown': return [link.sub(from_top, code)] if code and not code.startswith('<!-- not in the README -->') else []
    if marks & {'hide', 'include: false'}: return []
    if cell.get('outputs'): raise SystemExit('index.ipynb keeps an output: clear it; pictures are linked from markdown')
    return [f'```python\n{code}\n```'] if code and 'echo: false' not in marks else []

def make():
    nb = json.loads((root/'nbs/index.ipynb').read_text(encoding='utf-8'))
    return '\n\n'.join([note] + [p for c in nb['cells'] for p in parts(c)]) + '\n'

def missing(md): return sorted({m['to'] for m in link.finditer(md) if is_file(m['to']) and not (root/m['to']).exists()})

def main(check):
    new, file = make(), root/'README.md'
    gone = [f'a link leads nowhere: {o}' for o in missing(new)]
    if check:
        old = file.read_text(encoding='utf-8') if file.exists() else ''
        if new != old: gone += ['README.md is not what nbs/index.ipynb says; run: python .ci/readme.py',
                                *difflib.unified_diff(old.splitlines(), new.splitlines(), 'README.md', 'nbs/index.ipynb', lineterm='')]
    else: file.write_text(new, encoding='utf-8', newline='\n')
    print('\n'.join(gone[:60]) or 'README.md is what nbs/index.ipynb says')
    return 1 if check and gone else 0

if __name__ == '__main__':
    if sys.argv[1:] not in ([], ['--check']): sys.exit(__doc__)
    sys.exit(main('--check' in sys.argv))
