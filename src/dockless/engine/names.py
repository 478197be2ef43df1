"""Names for containers that were given none: an adjective and somebody who made computers what they are."""

import secrets
from collections.abc import Callable


def _words(text: str) -> list[str]:
    return text.split()


LEFT = _words(
    """
    able amber bold brave bright brisk calm candid clear clever cosy crisp daring deft eager early easy even
    fair fine firm fleet fond frank free fresh gentle glad golden good grand happy hardy honest humble jolly
    keen kind light lively loyal lucid lucky mellow merry mild modest neat nimble noble open patient plain
    polite proud quick quiet ready robust serene sharp silent simple sincere smart smooth sober solid sound spry
    steady still stout sturdy subtle sunny swift tender tidy trim true trusty upbeat vivid warm wise witty zesty
    """
)
RIGHT = _words(
    """
    allen babbage backus bartik bell boole brooks cerf church clarke codd conway cook curry dahl diffie dijkstra
    engelbart estrin feinler floyd goldberg goldwasser gosling gray hamilton hamming hellman hoare holberton
    hopper iverson jennings johnson kahan kahn kapor karp kay kernighan kilby kleene knuth lamarr lamport
    lampson liskov lovelace mccarthy mcculloch metcalfe milner minsky moore naur newell noether noyce nygaard
    papert perlis perlman postel rabin ritchie rivest sammet scott shamir shannon sifakis simon spence stallman
    stepanov stonebraker sutherland tarjan thacker thompson torvalds turing ulam valiant wilkes wilkinson wing
    wirth yao zuse
    """
)


def random_name(taken: Callable[[str], bool]) -> str:
    """`bold_hopper`, with a number behind it where that is taken."""
    for attempt in range(100):
        name = f"{secrets.choice(LEFT)}_{secrets.choice(RIGHT)}"
        if attempt > 10:
            name += str(secrets.randbelow(10_000))
        if not taken(name):
            return name
    raise RuntimeError("no free name found")
