"""`python -m dockless.cli`: the same as `dockless`, for where no script is on the path."""

from dockless.cli.main import main

if __name__ == "__main__":
    main()
