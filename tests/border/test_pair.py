"""`edgehub hue` against an emulated bridge: a key is found, kept and shown to work, or the reason is said."""

import asyncio
import os
import re
import stat
from itertools import pairwise
from pathlib import Path

import pytest

from edgehub.cli import main
from edgehub.gateway.hue import Key, KeyFile
from edgehub.sim.bridge import MOST_USERS, BridgeEmulator, Fault

ROOMS = {"Lounge": ["Lounge 1", "Lounge 2"], "Snacks": ["Tray"]}
SCENES = {"Warm lounge": ("Lounge", "#ffb46b")}


async def edgehub(*words: str | Path) -> int:
    """Run a command as somebody at a terminal would."""
    return await asyncio.to_thread(main, ["hue", *map(str, words)])


@pytest.mark.asyncio
async def test_pairing_waits_for_the_button_and_blinks_a_lamp(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The key is kept for its owner only, a lamp goes on and off once, and the countdown was visible."""
    async with BridgeEmulator(ROOMS, scenes=SCENES) as bridge:
        blinks: list[bool] = []
        bridge.listeners.append(lambda lamp: blinks.append(lamp.on))
        command = asyncio.create_task(edgehub("pair", "hall", "--host", bridge.host, "--state", tmp_path))
        await asyncio.sleep(2.2)  # two questions, however slowly the first came
        bridge.press_link_button()
        assert await command == 0
        asked = [request.at for request in bridge.log if request.path == "/api"]
        assert all(later - earlier > 0.9 for earlier, later in pairwise(asked))
        assert blinks == [True, False]
        key = KeyFile(tmp_path / "hue-keys.json").key("hall")
        assert key.username in bridge.users
        assert key.bridge_id == bridge.bridge_id.lower()
    assert stat.S_IMODE((tmp_path / "hue-keys.json").stat().st_mode) == 0o600
    said = capsys.readouterr().out
    assert "Press the round link button" in said
    assert len(set(re.findall(r"(\d+) s left", said))) >= 2
    assert 'The lamp "Lounge 1" blinks once.' in said
    assert key.username not in said


@pytest.mark.asyncio
async def test_paired_already_is_said_and_changes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A key that works stays; --again asks for another."""
    async with BridgeEmulator(ROOMS) as bridge:
        key = Key(bridge.bridge_id.lower(), bridge.add_user(), "http")
        KeyFile(tmp_path / "hue-keys.json").put("hall", key)
        assert await edgehub("pair", "hall", "--host", bridge.host, "--state", tmp_path) == 0
        assert "Already paired" in capsys.readouterr().out
        assert KeyFile(tmp_path / "hue-keys.json").key("hall") == key
        bridge.press_link_button()
        assert await edgehub("pair", "hall", "--again", "--host", bridge.host, "--state", tmp_path) == 0
        assert KeyFile(tmp_path / "hue-keys.json").key("hall") != key


@pytest.mark.asyncio
async def test_each_failure_has_its_own_words_and_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Button not pressed, bridge full, not a bridge, unreachable: told apart, and no key file appears."""
    async with BridgeEmulator(ROOMS) as bridge:

        async def fails(*words: str) -> tuple[int, str]:
            code = await edgehub("pair", "hall", "--host", bridge.host, "--state", tmp_path, *words)
            return code, capsys.readouterr().err

        code, words = await fails("--wait", "0.2")
        assert (code, "link button was not pressed within 0.2 s" in words) == (5, True)

        bridge.users.update(str(number) for number in range(MOST_USERS))
        bridge.press_link_button()
        code, words = await fails()
        assert (code, "bridge is full" in words) == (6, True)

        bridge.fault = Fault("html")
        code, words = await fails()
        assert (code, "no Hue bridge" in words) == (4, True)

        bridge.fault = Fault("http", code=503)
        code, words = await fails()
        assert (code, "overloaded" in words) == (9, True)

        await bridge.close()
        code, words = await fails()
        assert (code, "refuses connections" in words) == (3, True)
    assert not (tmp_path / "hue-keys.json").exists()


@pytest.mark.asyncio
async def test_unsafe_key_file_is_found_out_before_the_button(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody runs to the bridge for a key that cannot be kept."""
    keys = KeyFile(tmp_path / "hue-keys.json")
    keys.put("bar", Key("a1", "secret"))
    keys.path.chmod(0o644)
    async with BridgeEmulator(ROOMS) as bridge:
        assert await edgehub("pair", "hall", "--host", bridge.host, "--state", tmp_path) == 7
        assert bridge.log == []
    assert "chmod 600" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_pairs_the_service_can_read(tmp_path: Path) -> None:
    """`sudo edgehub hue pair` leaves a key file that belongs to the owner of the state folder."""
    os.chown(tmp_path, 12345, 12346)
    keys = KeyFile(tmp_path / "hue-keys.json")
    keys.put("bar", Key("a1", "secret"))
    found = keys.path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (12345, 12346, 0o600)


@pytest.mark.asyncio
async def test_rooms_lists_the_names_zones_yaml_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rooms, their scenes and their lamps; without a key it says how to get one."""
    async with BridgeEmulator(ROOMS, scenes=SCENES, gamuts={"Tray": None}) as bridge:
        assert await edgehub("rooms", "hall", "--host", bridge.host, "--state", tmp_path) == 8
        assert "edgehub hue pair hall" in capsys.readouterr().err
        KeyFile(tmp_path / "hue-keys.json").put("hall", Key(bridge.bridge_id.lower(), bridge.add_user()))
        bridge.lamp("Lounge 2").reachable = False
        assert await edgehub("rooms", "hall", "--host", bridge.host, "--state", tmp_path) == 0
    assert capsys.readouterr().out == (
        "Lounge\n"
        "  scenes: Warm lounge\n"
        "  lamp:   Lounge 1 (colour)\n"
        "  lamp:   Lounge 2 (colour, cannot be reached: is it powered?)\n"
        "Snacks\n"
        "  scenes: none\n"
        "  lamp:   Tray (white only)\n"
    )


@pytest.mark.asyncio
async def test_host_comes_from_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The nickname is looked up in edgehub.yaml; a wrong one is corrected, and "auto" says what to give instead."""
    async with BridgeEmulator(ROOMS) as bridge:
        (tmp_path / "edgehub.yaml").write_text(
            "version: 1\nsite: here\ngateway: pi-lounge\n"
            f'hue:\n  hall: {{host: "{bridge.host}"}}\n  attic: {{host: auto}}\n'
        )
        KeyFile(tmp_path / "hue-keys.json").put("hall", Key(bridge.bridge_id.lower(), bridge.add_user()))
        where = ("--config", tmp_path, "--state", tmp_path)
        assert await edgehub("rooms", "hall", *where) == 0
        assert await edgehub("rooms", "hal", *where) == 2
        assert 'Did you mean "hall"?' in capsys.readouterr().err
        assert await edgehub("pair", "attic", *where) == 3
        assert "--host" in capsys.readouterr().err
