"Makes the picture at the top of the README again, from the bundled weights: python .ci/pictures.py"
from pathlib import Path
import torch
from PIL import Image
from look import stamp
from picnet_nb.complete import Completer
from picnet_nb.data import example_image, resize_crop
from picnet_nb.masks import make_masks

# photographs that the model was not trained on; the hole's type and its seed
rows = [('daisy_1', 'center', 0), ('sunflower_2', 'rectangles', 6), ('tulip_1', 'center', 0), ('dandelion_2', 'strokes', 11)]
side, gap, n, file = 144, 4, 5, Path(__file__).parents[1]/'nbs/images/completions.png'
completer = Completer.from_pretrained(device='cpu')
sheet = Image.new('RGB', ((n + 1)*(side + gap) - gap, len(rows)*(side + gap) - gap), 'white')
for y, (name, kind, seed) in enumerate(rows):
    image = resize_crop(example_image(name), side)
    mask = make_masks(kind, 1, side, torch.Generator().manual_seed(seed))
    made = completer(image, mask, n=n, seed=0)      # as everybody gets them
    image.paste('gray', mask=Image.fromarray(mask[0, 0].numpy()))
    for x, o in enumerate([image, *made]): sheet.paste(o, (x*(side + gap), y*(side + gap)))
sheet.save(file, optimize=True)
stamp(file)
