"""Sup-Walsh: pretrain a network on synthetic, class-coded images for some steps, then drop what made the images.

Four stages: one training image per class is reduced to two numbers (``reducers``); a small linear support network
turns them into an image, with its hidden values multiplied by the class's Walsh code (``codes``); network and support
network are trained together to name the classes (``pretraining``); the support network is dropped. The controls
replace one part each: the numbers by noise or a constant, the codes by random signs or none, the classes by others.
"""

from .codes import class_codes, code_length, walsh_codes
from .pretraining import History, Settings, SupportNetwork, pretrain
from .reducers import reducer

__all__ = [
    "History",
    "Settings",
    "SupportNetwork",
    "class_codes",
    "code_length",
    "pretrain",
    "reducer",
    "walsh_codes",
]
