"""`perpdeck telegram`: who may talk to the desk from a phone."""

from __future__ import annotations

import click

from console.cli.failure import CommandFailed, Exit
from console.cli.invocation import Invocation, shared
from console.cli.seat import query
from console.cli.tables import table


@click.group()
def telegram() -> None:
    """The second seat: test it, let a person in, take the right away."""


@telegram.command()
@shared
def test(call: Invocation) -> int:
    """Whether the token is good and the bot can be reached."""
    import asyncio

    import telegram as library
    from telegram.error import InvalidToken, TelegramError

    loaded = call.load()
    token, base = loaded.secrets.telegram_token, loaded.settings.telegram.api_url
    if not token:
        raise CommandFailed(Exit.SECRET, "no token", name="no_token", hint="set PERPDECK_TELEGRAM_TOKEN")

    async def who() -> str:
        async with library.Bot(token, base_url=base or "https://api.telegram.org/bot") as bot:
            me = await bot.get_me()
            return str(me.username)

    try:
        name = asyncio.run(who())
    except InvalidToken as error:
        raise CommandFailed(Exit.SECRET, "the token is refused", name="token_refused") from error
    except TelegramError as error:
        raise CommandFailed(Exit.ERROR, f"the bot cannot be reached: {error.message}", name="unreachable") from error
    call.data({"ok": True, "bot": name}, f"the bot @{name} answers")
    return int(Exit.OK)


@telegram.command()
@click.option("--operator", is_flag=True, help="May command, not only look.")
@shared
def pair(call: Invocation, operator: bool) -> None:
    """A code, good once and for five minutes: the person sends `/pair CODE` to the bot."""
    value = query(call, "telegram_pair", role="operator" if operator else "reader")
    if value["code"] is None:
        raise CommandFailed(Exit.ERROR, "the bot is still starting", name="starting")
    call.data(value, f"send to the bot within {value['minutes']} minutes:  /pair {value['code']}   ({value['role']})")


@telegram.command()
@click.argument("user", required=False)
@shared
def revoke(call: Invocation, user: str | None) -> None:
    """Take a paired person's right away; without a user, list who is paired."""
    if user is None:
        rows = query(call, "telegram_guests")
        cells = [(str(row["user"]), row["role"], row["name"]) for row in rows]
        call.data(rows, table(("user", "role", "name"), cells) if rows else "nobody is paired")
        return
    value = query(call, "telegram_revoke", user=user)
    if not value["revoked"]:
        raise CommandFailed(Exit.USAGE, f"{user} is not paired", name="unknown_id")
    call.data(value, f"{user} may no longer talk to the desk")
