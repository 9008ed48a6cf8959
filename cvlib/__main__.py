"""`python -m cvlib` is the command `cvlib`."""

from cvlib.cli import main

if __name__ == "__main__":
    main()
