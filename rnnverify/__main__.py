"""python -m rnnverify"""

from rnnverify.cli import main

if __name__ == "__main__":
    main(prog_name="rnnverify")
