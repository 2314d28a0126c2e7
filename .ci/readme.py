#!/usr/bin/env python3
"""README.md is made from nbs/index.ipynb. `python .ci/readme.py` writes it, `--check` says whether it is up to date.

Standard library only. Cells marked `#| hide` are left out, directive lines are dropped, text output is kept, and relative links, which
in the notebook start from nbs/, are made to start from the top. Pictures are files in nbs/images/, linked from markdown.
"""
import difflib, json, posixpath, re, sys
from pathlib import Path

root = Path(__file__).resolve().parent.parent
link = re.compile(r'''(?P<pre>\]\(|\b(?:src|href)=["'])(?P<to>[^)"'\s#]+)''')
directive = re.compile(r'^\s*#\s*\|')
note = '<!-- Made from nbs/index.ipynb by .ci/readme.py; edit the notebook, not this file. -->'

def is_file(to): return not re.match(r'[a-z][a-z+.-]*:|/', to, re.I)

def from_top(m):
    "A link that starts from nbs/, as one that starts from the top."
    to = m['to']
    return m['pre'] + (posixpath.normpath(posixpath.join('nbs', to)) if is_file(to) else to)

def text(x): return ''.join(x) if isinstance(x, list) else x

def fence(s, lang=''): return f'```{lang}\n{s.rstrip()}\n```'

def output(o):
    "An output as markdown: text only."
    kind = o['output_type']
    if kind == 'stream': return fence(text(o['text']), 'text')
    if kind == 'error': raise SystemExit(f'index.ipynb keeps an error: {o.get("ename")}: {o.get("evalue")}')
    data = o.get('data', {})
    if any(k.startswith('image/') for k in data):
        raise SystemExit('index.ipynb keeps a picture as output: save it to nbs/images/ and link it from markdown')
    if 'text/markdown' in data: return text(data['text/markdown']).strip()
    return fence(text(data.get('text/plain', '')), 'text')

def parts(cell):
    "The pieces of markdown that a cell becomes."
    src = text(cell['source']).strip('\n')
    marks = {' '.join(re.sub(r'^\s*#\s*\|', '', l).split()) for l in src.splitlines() if directive.match(l)}
    if cell['cell_type'] == 'markdown': return [link.sub(from_top, src)] if src else []
    if cell['cell_type'] != 'code' or marks & {'hide', 'include: false'}: return []
    code = '\n'.join(l for l in src.splitlines() if not directive.match(l)).strip('\n')
    shown = [fence(code, 'python')] if code and 'echo: false' not in marks else []
    return shown + [output(o) for o in cell.get('outputs', []) if 'output: false' not in marks]

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
