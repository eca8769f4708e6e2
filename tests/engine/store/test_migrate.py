from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import engine.store.migrate as migration
from engine.errors import StoreError
from engine.store.base import HistoryBase, TradingBase
from engine.store.database import Database, Which
from engine.store.migrate import HEAD, current, migrate
from engine.store.queries import TradingQueries
from tests.support.stored import opened, signal

BASES = {"trading": TradingBase, "history": HistoryBase}
SCRIPTS = Path(migration.__file__).parent / "migrations"


@pytest.mark.parametrize("which", get_args(Which))
def test_an_empty_database_gets_every_table_as_it_is_mapped(empty_url: str, which: Which) -> None:
    assert current(empty_url, which) is None
    assert migrate(empty_url, which) == HEAD[which]
    assert current(empty_url, which) == HEAD[which]
    engine = Database(empty_url, which).reader()
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, BASES[which].metadata) == []
    engine.dispose()


@pytest.mark.parametrize("which", get_args(Which))
def test_head_names_the_newest_script(which: Which) -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("version_locations", str(SCRIPTS / which))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD[which]]


def test_the_open_signal_is_unique_in_the_database_itself(trading_url: str) -> None:
    engine = Database(trading_url, "trading").reader()
    with engine.connect() as connection:
        catalog = "sqlite_master" if connection.dialect.name == "sqlite" else "pg_indexes"
        column = "sql" if connection.dialect.name == "sqlite" else "indexdef"
        name = "name" if connection.dialect.name == "sqlite" else "indexname"
        found = connection.exec_driver_sql(
            f"SELECT {column} FROM {catalog} WHERE {name} = 'uq_signals_open'"
        ).scalar_one()
    engine.dispose()
    assert "UNIQUE" in found
    assert "WHERE" in found


def test_migrating_again_keeps_the_data_and_makes_no_backup(empty_url: str, tmp_path: Path) -> None:
    migrate(empty_url, "trading")

    async def write_one() -> None:
        async with opened(empty_url) as (journal, _):
            await journal.commit(signal())

    async def read_all() -> list[str]:
        async with opened(empty_url) as (_, reader):
            return [row.signal_id for row in await TradingQueries(reader).signals()]

    asyncio.run(write_one())
    migrate(empty_url, "trading")
    assert asyncio.run(read_all()) == ["s1"]
    assert list(tmp_path.glob("*.bak")) == []


def test_a_backup_is_made_before_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "desk.db"
    migrate(str(path), "trading")
    steps: list[str | None] = []
    monkeypatch.setitem(HEAD, "trading", "0002")
    monkeypatch.setattr(migration, "_upgrade", lambda _database, found: steps.append(found))
    migrate(str(path), "trading")
    copy = tmp_path / "desk.db.before-0001.bak"
    assert steps == ["0001"]
    assert current(str(copy), "trading") == "0001"


def test_a_database_of_a_newer_program_is_refused_untouched(empty_url: str) -> None:
    migrate(empty_url, "trading")
    engine = Database(empty_url, "trading").writer()
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(StoreError, match="newer one"):
        migrate(empty_url, "trading")
    assert current(empty_url, "trading") == "9999"


@pytest.mark.parametrize("content", [b"this is no database, only some text that is long enough" * 40, "torn"])
def test_a_damaged_file_is_named_with_the_way_out(tmp_path: Path, content: bytes | str) -> None:
    path = tmp_path / "desk.db"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        migrate(str(path), "trading")
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(StoreError) as caught:
        migrate(str(path), "trading")
    assert str(path) in str(caught.value)
    assert "move it aside" in str(caught.value)


async def test_damage_after_the_migration_is_found_when_the_journal_opens(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    migrate(str(path), "trading")
    whole = bytearray(path.read_bytes())
    whole[8192:12288] = b"\xff" * 4096
    path.write_bytes(whole)
    with pytest.raises(StoreError, match="is damaged"):
        async with opened(str(path)):
            pass


def test_two_programs_migrate_one_database_one_after_the_other(empty_url: str) -> None:
    code = "import sys; from engine.store.migrate import migrate; print(migrate(sys.argv[1], 'trading'))"
    root = Path(__file__).parents[3]
    programs = [
        subprocess.Popen([sys.executable, "-c", code, empty_url], stdout=subprocess.PIPE, text=True, cwd=root)
        for _ in range(3)
    ]
    assert [program.communicate()[0].strip() for program in programs] == [HEAD["trading"]] * 3


@pytest.mark.parametrize(
    ("url", "words"),
    [("mysql://x/y", "not supported"), ("sqlite://", "name a file"), ("://", "not a database URL")],
)
def test_an_unusable_url_says_why(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words):
        migrate(url, "trading")


def test_a_password_is_not_shown(tmp_path: Path) -> None:
    assert "secret" not in Database("postgresql://me:secret@host/desk", "trading").location
    assert Database(str(tmp_path / "a b?.db"), "trading").path == tmp_path / "a b?.db"


def test_a_file_name_with_odd_characters_opens(tmp_path: Path) -> None:
    path = tmp_path / "a b#%c.db"
    migrate(str(path), "history")
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM candles").fetchone() == (0,)
    connection.close()
