"""Every private name of another library that this package uses, one file a library.

A private name may be gone in the next version of its library. So each is a record here: why it is used, with which
versions that was tried, and what is done without it. All other modules get private names from these records, and the
tests take one record after the other away. Nothing here imports a library before one of its names is asked for.
"""
