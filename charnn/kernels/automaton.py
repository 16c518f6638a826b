"""Which parts of one text stand in another: the suffix automaton of the first (Blumer et al. 1985), which the second is read through.

It takes memory for the first text alone, so the second may be of any length.
"""

from typing import Any

from charnn.kernels.compile import compiled

Numbers = Any  # (any,) int32 or int64


@compiled
def _edge(state: int, symbol: int, heads: Numbers, edges: Numbers) -> Any:
    """The edge of a symbol that leaves a state, or -1; edges: (any, 3) of symbol, target, next edge of the state."""
    edge = heads[state]
    while edge >= 0 and edges[edge, 0] != symbol:
        edge = edges[edge, 2]
    return edge


@compiled
def _add_edge(state: int, symbol: int, target: int, heads: Numbers, edges: Numbers, count: int) -> int:
    edges[count, 0], edges[count, 1], edges[count, 2] = symbol, target, heads[state]
    heads[state] = count
    return count + 1


@compiled
def build(text: Numbers, lengths: Numbers, links: Numbers, heads: Numbers, edges: Numbers, ends: Numbers) -> int:
    """The automaton of (n,) symbols; returns the number of its states.

    lengths, links, heads: (2n + 1,), of which heads are all -1; edges: (3n + 1, 3). ends: (n,) the state after each symbol.
    """
    count, size, last = 0, 1, 0
    lengths[0], links[0] = 0, -1
    for place in range(len(text)):
        symbol = text[place]
        state = size
        size += 1
        lengths[state] = lengths[last] + 1
        before = last
        while before >= 0 and _edge(before, symbol, heads, edges) < 0:
            count = _add_edge(before, symbol, state, heads, edges, count)
            before = links[before]
        if before < 0:
            links[state] = 0
        else:
            target = edges[_edge(before, symbol, heads, edges), 1]
            if lengths[before] + 1 == lengths[target]:
                links[state] = target
            else:
                clone = size
                size += 1
                lengths[clone], links[clone] = lengths[before] + 1, links[target]
                edge = heads[target]
                while edge >= 0:
                    count = _add_edge(clone, edges[edge, 0], edges[edge, 1], heads, edges, count)
                    edge = edges[edge, 2]
                while before >= 0:
                    edge = _edge(before, symbol, heads, edges)
                    if edge < 0 or edges[edge, 1] != target:
                        break
                    edges[edge, 1] = clone
                    before = links[before]
                links[target] = links[state] = clone
        last = state
        ends[place] = state
    return size


@compiled
def walk(
    text: Numbers,
    lengths: Numbers,
    links: Numbers,
    heads: Numbers,
    edges: Numbers,
    root: Numbers,
    here: Numbers,
    best: Numbers,
    places: Numbers,
) -> None:
    """Reads (m,) symbols of the second text, -1 for those that the first has not, and goes on where it stood.

    root: (symbols,) the targets of the first state's edges, or 0. here: (3,) state, matched length and place, which it moves on.
    best, places: (states,) the longest match that ended in each state, and the place behind it.
    """
    state, length, place = here[0], here[1], here[2]
    for symbol in text:
        place += 1
        if symbol < 0 or root[symbol] == 0:
            state, length = 0, 0
            continue
        while state:
            edge = _edge(state, symbol, heads, edges)
            if edge >= 0:
                state = edges[edge, 1]
                length += 1
                break
            state = links[state]
            length = lengths[state]
            if state == 0:
                state, length = root[symbol], 1
                break
        else:
            state, length = root[symbol], 1
        if length > best[state]:
            best[state], places[state] = length, place
    here[0], here[1], here[2] = state, length, place


@compiled
def gather(
    order: Numbers, lengths: Numbers, links: Numbers, best: Numbers, places: Numbers, ends: Numbers, longest: Numbers, found: Numbers
) -> None:
    """What was walked through -> for each of the first text's symbols the longest match that ends with it, and the place behind that.

    order: the states from the longest to the shortest. longest, found: (n,), filled.
    """
    for state in order:
        link = links[state]
        if state and best[state] and lengths[link] > best[link]:
            best[link], places[link] = lengths[link], places[state]
    for index in range(len(order) - 1, -1, -1):  # a state that was never reached is answered for by its longest suffix that was
        state = order[index]
        if state and not best[state]:
            best[state], places[state] = best[links[state]], places[links[state]]
    for place in range(len(ends)):
        longest[place], found[place] = best[ends[place]], places[ends[place]]
