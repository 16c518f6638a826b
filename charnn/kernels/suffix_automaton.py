"""The suffix automaton of a text (Blumer et al. 1985): which parts of it occur in a second text, which is read once.

It needs memory for the first text alone, so the second may have any length.
"""

from typing import Any, NamedTuple

import numpy as np

from charnn.kernels.compile import compiled

Numbers = Any  # (any,) int32 or int64


class SuffixAutomaton(NamedTuple):
    """States of a text of n symbols, from 0, the start; at most 2n + 1, and 3n + 1 edges."""

    lengths: Numbers  # (states,) the longest part of the text that leads to the state
    links: Numbers  # (states,) the state of its longest suffix that leads to another state
    heads: Numbers  # (states,) its last edge, or -1
    edges: Numbers  # (edges, 3) symbol, target and the state's next edge, or -1
    ends: Numbers  # (n,) the state after each symbol of the text
    root: Numbers  # (symbols,) the targets of the first state's edges, or 0


def suffix_automaton(text: Numbers, symbols: int) -> SuffixAutomaton:
    """Return the automaton of a text of (n,) int32 symbols below `symbols`."""
    states = 2 * len(text) + 1
    lengths, links, heads = np.zeros(states, np.int32), np.zeros(states, np.int32), np.full(states, -1, np.int32)
    edges, ends, root = np.zeros((3 * len(text) + 1, 3), np.int32), np.zeros(len(text), np.int32), np.zeros(symbols, np.int32)
    size = _build(text, lengths, links, heads, edges, ends)
    edge = int(heads[0])
    while edge >= 0:
        root[edges[edge, 0]] = edges[edge, 1]
        edge = int(edges[edge, 2])
    return SuffixAutomaton(lengths[:size].copy(), links[:size].copy(), heads[:size].copy(), edges, ends, root)


@compiled
def _edge(state: int, symbol: int, heads: Numbers, edges: Numbers) -> Any:
    """Return the edge of a symbol that leaves a state, or -1."""
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
def _build(text: Numbers, lengths: Numbers, links: Numbers, heads: Numbers, edges: Numbers, ends: Numbers) -> int:
    """Fill the arrays of an automaton; return the number of its states. All heads are -1 before."""
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
def walk(text: Numbers, automaton: SuffixAutomaton, here: Numbers, best: Numbers, places: Numbers) -> None:
    """Read the next (m,) symbols of the second text, -1 for those that the first text does not have.

    here: (3,) state, matched length and place, updated. best, places: (states,) the longest match that ended in each state, and the
    place after it, updated.
    """
    lengths, links, heads, edges, root = automaton.lengths, automaton.links, automaton.heads, automaton.edges, automaton.root
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
def gather(order: Numbers, automaton: SuffixAutomaton, best: Numbers, places: Numbers, longest: Numbers, found: Numbers) -> None:
    """Write for each symbol of the first text the longest match that ends with it, and the place after that in the second text.

    order: the states from the longest to the shortest. best, places: as `walk` left them, overwritten. longest, found: (n,), filled.
    """
    lengths, links, ends = automaton.lengths, automaton.links, automaton.ends
    for state in order:
        link = links[state]
        if state and best[state] and lengths[link] > best[link]:
            best[link], places[link] = lengths[link], places[state]
    for index in range(len(order) - 1, -1, -1):  # a state that was never reached gets the match of its longest suffix that was
        state = order[index]
        if state and not best[state]:
            best[state], places[state] = best[links[state]], places[links[state]]
    for place in range(len(ends)):
        longest[place], found[place] = best[ends[place]], places[ends[place]]
