"""The command line as a person or a program meets it; none of these needs the engine."""

from __future__ import annotations

import json
import shutil

import pytest
from click.testing import CliRunner

from bot.cli import COMMANDS, main
from bot.settings import ROOT


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.setenv("FAROL_DATA_DIR", str(tmp_path))
    return lambda *words, **more: CliRunner().invoke(main, list(words), **more)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(run, name):
    said = run(name, "--help")
    assert said.exit_code == 0 and "Usage" in said.output


def test_alone_it_lists_the_commands(run):
    assert all(name in run("--help").output for name in COMMANDS)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("ask", "--language", "xx", "hi"), "--language xx"),
        (("ask", "--country", "XYZ", "hi"), "--country XYZ"),
        (("ask", "--channel", "fax", "hi"), "fax"),
        (("parse", "--language", "xx"), "--language xx"),
    ],
)
def test_a_wrong_word_is_named(run, words, named):
    said = run(*words)
    assert said.exit_code == 2 and named in said.output


def test_a_wrong_setting_is_named(run, monkeypatch):
    monkeypatch.setenv("FAROL_PORT", "high")
    said = run("settings")
    assert said.exit_code == 2 and "port" in said.output


def test_settings_never_show_a_secret(run, monkeypatch):
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "very-secret-value")
    said = run("settings", "--json")
    assert "very-secret-value" not in said.output
    assert {"TWILIO_AUTH_TOKEN", "FAROL_PORT"} <= {row["name"] for row in json.loads(said.output)}


def test_the_content_of_the_repository_is_in_order(run):
    said = run("content", "check")
    assert said.exit_code == 0 and said.output.strip().splitlines()[-1].startswith(("All content", "No faults"))


def test_faults_in_the_content_are_all_named(run, monkeypatch, tmp_path):
    shutil.copytree(ROOT / "content", tmp_path / "content")
    (tmp_path / "content" / "answers" / "fr" / "hiv.yml").unlink()
    (tmp_path / "content" / "safety" / "ar.yml").write_text("crisis: {}\nwords: {}\n")
    monkeypatch.setenv("FAROL_CONTENT_DIR", str(tmp_path / "content"))
    said = run("content", "check", "--json")
    faults = json.loads(said.output)["faults"]
    assert said.exit_code == 2
    assert any("answers/fr/hiv.yml" in fault for fault in faults) and any("ar.yml" in fault for fault in faults)


def test_content_status_counts_countries_and_languages(run):
    said = run("content", "status", "--within", "20000")
    assert said.exit_code == 0
    lines = [line.split("\t") for line in said.output.splitlines()]
    assert ["GB", "United Kingdom"] in [line[:2] for line in lines] and "so" in [line[0] for line in lines]
    assert "to be read again by" in said.output
    about = json.loads(run("content", "status", "--json").output)
    assert {one["code"] for one in about["countries"]} >= {"FR", "TT"} and len(about["languages"]) >= 12


def test_half_a_set_of_credentials_is_refused():
    from bot.app import provider_channels
    from bot.settings import Settings

    with pytest.raises(ValueError, match="FAROL_PUBLIC_URL"):
        provider_channels(Settings(_env_file=None, twilio_sms_from="+14155550100"))


def test_texts_go_to_a_translator_and_come_back(run, monkeypatch, tmp_path):
    shutil.copytree(ROOT / "content", tmp_path / "content")
    monkeypatch.setenv("FAROL_CONTENT_DIR", str(tmp_path / "content"))
    sheet = tmp_path / "so.csv"
    said = run("content", "export", "--language", "so", "--format", "csv", "--to", str(sheet))
    assert said.exit_code == 0 and "0 of them not translated" in said.output
    assert run("content", "import", str(sheet)).output.strip() == "0 texts changed, in no file"
    rows = sheet.read_text("utf-8-sig")
    first = (ROOT / "content" / "interface" / "so.yml").read_text("utf-8").split('thanks: "')[1].split('"')[0]
    assert rows.count(first) == 1
    sheet.write_text(rows.replace(first, "Mahadsanid."), "utf-8")
    tried = run("content", "import", str(sheet), "--dry-run")
    assert "1 texts would change, in interface/so.yml" in tried.output and "+ Mahadsanid." in tried.output
    assert json.loads(run("content", "diff", str(sheet), "--json").output)[0]["there"] == "Mahadsanid."
    assert run("content", "import", str(sheet)).exit_code == 0
    there = run("content", "diff", str(ROOT / "content"), "--language", "so")
    assert "so/interface/words/thanks" in there.output and "1 texts differ" in there.output
    sheet.write_text("\n".join(sheet.read_text("utf-8").splitlines()[:-1]), "utf-8")
    refused = run("content", "import", str(sheet))
    assert refused.exit_code == 2 and "nothing is taken over" in refused.output and "row is missing" in refused.output
    assert run("content", "export", "--language", "xx").exit_code == 2


def test_a_page_to_look_at(run, tmp_path):
    page = tmp_path / "page.html"
    assert run("content", "preview", "--language", "fa", "--country", "gr", "--to", str(page)).exit_code == 0
    assert 'dir="rtl"' in page.read_text("utf-8")
    assert run("content", "preview", "--language", "xx", "--to", str(page)).exit_code == 2
    assert run("content", "preview", "--country", "QQ", "--to", str(page)).exit_code == 2


def test_a_translation_that_comes_back_is_in_step_again(run, monkeypatch, tmp_path):
    shutil.copytree(ROOT / "content", tmp_path / "content")
    monkeypatch.setenv("FAROL_CONTENT_DIR", str(tmp_path / "content"))
    english = tmp_path / "content" / "interface" / "en.yml"
    english.write_text(english.read_text("utf-8").replace('goodbye: "', 'goodbye: "Well, ', 1), "utf-8")

    def behind() -> set[str]:
        notes = json.loads(run("content", "check", "--json").output)["notes"]
        return {note.split("--language ")[1].split()[0] for note in notes if "in-step" in note}

    assert {"so", "fr"} <= behind()
    assert run("content", "check", "--strict").exit_code == 1
    sheet = tmp_path / "so.csv"
    run("content", "export", "--language", "so", "--format", "csv", "--to", str(sheet))
    assert "so" in behind(), "sending a text out settles nothing"
    assert run("content", "import", str(sheet), "--dry-run").exit_code == 0 and "so" in behind()
    assert run("content", "import", str(sheet)).exit_code == 0
    assert "so" not in behind() and "fr" in behind()
    assert run("content", "in-step", "interface/words/goodbye").exit_code == 0 and not behind()
    assert run("content", "in-step").exit_code == 2 == run("content", "in-step", "no/such/text").exit_code


def test_what_answers_cost(run):
    said = json.loads(run("content", "cost", "--country", "GB", "--json").output)
    assert {one["language"] for one in said} >= {"en", "ar"}
    # Three at most, but for what is said in danger, which is sent whole: dear where letters are.
    assert all(1 <= one["segments"] <= (3 if one["cheap"] else 4) and one["most"] <= 10 for one in said)
    assert "1,000 answers" in run("content", "cost", "--price", "0.05").output
    assert run("content", "cost", "--country", "XX").exit_code == 2


def test_what_is_known_of_places(run):
    stats = json.loads(run("directory", "stats", "--json").output)
    assert stats and all(one["country"] != "XX" and one["places"] for one in stats)
    assert json.loads(run("directory", "stale", "--days", "1", "--json").output)
