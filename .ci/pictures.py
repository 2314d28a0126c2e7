"Makes the picture at the top of the README again, from the bundled weights: python .ci/pictures.py"
from pathlib import Path
import torch
from PIL import Image
from picnet_nb.complete import Completer, show_hole
from picnet_nb.data import fit, sample
from picnet_nb.masks import make_masks

# photographs that the model was not trained on; the hole's family and its seed
rows = [('daisy_1', 'center', 0), ('sunflower_2', 'rectangles', 6), ('tulip_1', 'center', 0), ('dandelion_2', 'strokes', 11)]
side, gap, n = 144, 4, 5
completer = Completer.from_pretrained(device='cpu')
sheet = Image.new('RGB', ((n + 1)*(side + gap) - gap, len(rows)*(side + gap) - gap), 'white')
for y, (name, family, seed) in enumerate(rows):
    image = fit(sample(name), side)
    mask = make_masks(family, 1, side, torch.Generator().manual_seed(seed))
    made = completer(image, mask, n=n, seed=0)
    for x, o in enumerate([show_hole(image, mask[0, 0].numpy(), side), *made]): sheet.paste(o, (x*(side + gap), y*(side + gap)))
sheet.save(Path(__file__).parents[1]/'nbs/images/completions.png', optimize=True)
