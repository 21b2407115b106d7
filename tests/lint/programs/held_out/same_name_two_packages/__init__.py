# A package with two sub-packages that have modules and classes of one name.
