# A dict of model classes that a decorator fills.
MODELS = {}


def register(name):
    def wrap(cls):
        MODELS[name] = cls
        return cls

    return wrap


def build(name, **kwargs):
    return MODELS[name](**kwargs)
