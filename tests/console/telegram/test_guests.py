"""Strangers stay strangers until a code lets them in, once and soon."""

from __future__ import annotations

from console.telegram.guests import CODE_LIFE_MS, MOST_GUESSES, Guests


class Shelf:
    def __init__(self) -> None:
        self.kept = b""
        self.now_ms = 1_000

    def guests(self, operators: tuple[int, ...] = ()) -> Guests:
        return Guests(operators, (), self.kept, self.save, lambda: self.now_ms)

    def save(self, value: bytes) -> None:
        self.kept = value


def test_code_lets_one_person_in_and_is_spent() -> None:
    guests = Shelf().guests()
    code = guests.new_code("operator")
    assert guests.role(7) is None
    assert guests.pair(7, 70, "A", code) == "operator"
    assert guests.role(7) == "operator"
    assert guests.pair(8, 80, "B", code) is None


def test_code_dies_of_age_and_of_guessing() -> None:
    shelf = Shelf()
    guests = shelf.guests()
    code = guests.new_code("reader")
    shelf.now_ms += CODE_LIFE_MS + 1
    assert guests.pair(7, 70, "A", code) is None
    code = guests.new_code("reader")
    for _ in range(MOST_GUESSES):
        assert guests.pair(9, 90, "X", "wrong") is None
    assert guests.pair(7, 70, "A", code) is None


def test_paired_people_are_known_after_a_restart_and_can_be_revoked() -> None:
    shelf = Shelf()
    first = shelf.guests()
    first.pair(7, 70, "A", first.new_code("reader"))
    second = shelf.guests(operators=(1,))
    assert second.role(7) == "reader"
    assert second.chats() == {1: "operator", 70: "reader"}
    assert second.revoke(7)
    assert shelf.guests().role(7) is None
    assert not second.revoke(1), "named users are revoked in the settings"
