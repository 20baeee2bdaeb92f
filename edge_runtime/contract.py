"""Every number that training, export and the runtime share.

The classifier takes tiles: `uint8 (28, 28)`, bright ink on black, the longer side of the ink 20 px and its
centre of mass in the middle, as in MNIST. The detector takes grey images of any size and predicts one vector
of `DETECTOR_CHANNELS` values for every cell of 4 x 4 px.
"""

CONTRACT = 3  # version of this specification; a model of another version is rejected

TILE = 28  # px, side of a tile
INK = 20  # px, longer side of the ink in a tile
BACKGROUND = 10  # class index of "not a digit"; 0 to 9 are the digits
CLASSES = BACKGROUND + 1

STRIDE = 4  # px of the image per cell of the detector's output
GRID = 8  # px; the sides of the detector's input are multiples of this
DIGIT_SIZES = (12.0, 28.0)  # px, longer sides of the digits that one pyramid level detects
# Channels of the output: objectness, ten class logits, distances to the four sides of the box.
DETECTOR_CHANNELS = 15
CLASS_LOGITS, SIDES = slice(1, 11), slice(11, 15)
BOX_SCALE = 16.0  # px per unit of these distances
MIN_OBJECTNESS = -1.0  # lowest logit of a candidate that is passed to the classifier
