from .dispatch import backend as backend
