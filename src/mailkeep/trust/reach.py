"""Forward reasoning: what a set of fallen parties can reach, and by which path (pure)."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from .rules import RULES, Rule


class Step(msgspec.Struct, frozen=True):
    """One step of a path: why ``head`` follows from ``body``; ``words`` say it."""

    head: str
    body: tuple[str, ...]
    why: str
    words: str


class Reached:
    """Everything that follows, each with the rule by which it was first reached."""

    def __init__(self, engine: "Engine", by: dict[int, int], start: frozenset[int]) -> None:
        self._engine, self._by, self._start = engine, by, start

    def __contains__(self, word: object) -> bool:
        number = self._engine.numbers.get(word) if isinstance(word, str) else None
        return number is not None and number in self._by

    def __len__(self) -> int:
        return len(self._by)

    def words(self) -> list[str]:
        """All of it, sorted."""
        return sorted(self._engine.names[one] for one in self._by)

    def path(self, word: str, names: Mapping[str, str] | None = None) -> tuple[Step, ...]:
        """From what was given to ``word``, each step after those that it rests on.

        Args:
            names: what the parties are called.

        Raises:
            KeyError: it does not follow.
        """
        engine, out, done = self._engine, [], set(self._start)
        todo = [engine.numbers[word]]
        if todo[0] not in self._by:
            raise KeyError(word)
        while todo:
            one = todo[-1]
            if one in done:
                todo.pop()
                continue
            rule = engine.rules[self._by[one]]
            missing = [n for n in map(engine.numbers.__getitem__, rule.body) if n not in done]
            if missing:
                todo += missing
                continue
            done.add(one)
            todo.pop()
            out.append(Step(rule.head, rule.body, rule.why, _said(rule, names or {})))
        return tuple(out)


class Engine:
    """The rules of one world, prepared to be used many times.

    Args:
        rules: as ``rules.ground`` gives them.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = list(rules)
        self.numbers: dict[str, int] = {}
        self.names: list[str] = []
        self._single: list[list[tuple[int, int]]] = []  # what follows from one premise alone
        self._joint: list[list[int]] = []  # rules with several premises, by each of them
        self._heads: list[int] = []
        self._needs: list[int] = []
        for place, rule in enumerate(self.rules):
            head = self._number(rule.head)
            body = sorted({self._number(one) for one in rule.body})
            self._heads.append(head)
            self._needs.append(len(body))
            if len(body) == 1:
                self._single[body[0]].append((head, place))
            else:
                for one in body:
                    self._joint[one].append(place)

    def _number(self, word: str) -> int:
        if word not in self.numbers:
            self.numbers[word] = len(self.names)
            self.names.append(word)
            self._single.append([])
            self._joint.append([])
        return self.numbers[word]

    def reach(self, parties: Iterable[str], words: Iterable[str] = ()) -> Reached:
        """What follows when these parties are compromised; nearest first, so that the path to each
        capability is one of the shortest.

        Args:
            words: capabilities that are there besides, whoever gave them.
        """
        given = (*(f"party:{one}" for one in parties), *words)
        start = frozenset(self._number(one) for one in given)
        by = dict.fromkeys(start, -1)
        queue = deque(start)
        counts: dict[int, int] = {}
        single, joint, needs, heads = self._single, self._joint, self._needs, self._heads
        while queue:
            one = queue.popleft()
            for head, place in single[one]:
                if head not in by:
                    by[head] = place
                    queue.append(head)
            for place in joint[one]:
                count = counts.get(place, 0) + 1
                counts[place] = count
                if count == needs[place] and heads[place] not in by:
                    by[heads[place]] = place
                    queue.append(heads[place])
        return Reached(self, by, start)


def behind(rules: Sequence[Rule], goals: Iterable[str]) -> dict[str, set[str]]:
    """For each goal, everything from which alone it follows, itself included.

    Looks back along rules with one premise only: what follows from several together is left out,
    as nothing of that kind leads to a name that is sent as.
    """
    into: dict[str, set[str]] = {}
    for rule in rules:
        if len(set(rule.body)) == 1:
            into.setdefault(rule.head, set()).add(rule.body[0])
    out = {}
    for goal in goals:
        seen, todo = {goal}, [goal]
        while todo:
            more = into.get(todo.pop(), set()) - seen
            seen |= more
            todo += more
        out[goal] = seen
    return out


def _said(rule: Rule, names: Mapping[str, str]) -> str:
    about = [_about(one, names) for one in rule.body]
    return RULES[rule.why].format(*about, *[""] * (2 - len(about)), to=_about(rule.head, names))


def _about(word: str, names: Mapping[str, str]) -> str:
    """What a word is about: the party's name, or what stands after the colon."""
    verb, _, what = word.partition(":")
    return names.get(what, what) if verb in {"party", "carries", "down"} else what or verb
