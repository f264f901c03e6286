"""Sidecars that tell where results came from."""

import hashlib
import json
import os
import subprocess
import sys

import pandas as pd
import pytest
from sandbox import ROOT

from latent_transport.storage import load_table, save_table
from workflow import provenance
from workflow.provenance import read_provenance, sidecar_of
from workflow.recording import name_processor, recording
from workflow.scripts import collect_provenance

TABLE = pd.DataFrame({"x": [1, 2]})


@pytest.fixture
def told(monkeypatch):
    """What the workflow tells its jobs."""
    monkeypatch.setenv(provenance.COMMIT, "0123abcd")
    monkeypatch.setenv(provenance.CONFIG, "89ef")


def write(path, *arguments):
    with recording(arguments):
        save_table(TABLE, path)
    return json.loads(sidecar_of(path).read_text())


def test_a_sidecar_tells_where_a_file_came_from(tmp_path, told):
    path = tmp_path / "made" / "table.csv"
    record = write(path, "--seed", "7", "--output", str(path))
    assert record["file"] == "table.csv"
    assert record["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record["arguments"] == ["--seed", "7", "--output", str(path)]
    assert (record["commit"], record["config_hash"], record["seed"]) == ("0123abcd", "89ef", 7)
    assert record["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record["seconds"] >= 0
    assert read_provenance(path) == record


def test_outside_of_the_workflow_commit_config_and_seed_are_unknown(tmp_path, monkeypatch):
    for name in (provenance.COMMIT, provenance.CONFIG):
        monkeypatch.delenv(name, raising=False)
    record = write(tmp_path / "table.csv")
    assert record["commit"] is record["config_hash"] is record["seed"] is None


def test_what_fails_has_no_sidecar(tmp_path):
    path = tmp_path / "table.csv"
    with pytest.raises(ZeroDivisionError), recording([]):
        save_table(TABLE, path)
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]


def test_a_sidecar_of_another_content_is_not_believed(tmp_path, caplog):
    path = tmp_path / "table.csv"
    write(path)
    path.write_text("x\n3\n")
    assert read_provenance(path) is None
    assert "is not the file that table.csv.provenance.json describes" in caplog.text
    sidecar_of(path).write_text("{")
    assert read_provenance(path) is None


def test_table_of_provenance(tmp_path, told):
    known, unknown = tmp_path / "known.csv", tmp_path / "unknown.csv"
    write(known, "--seed", "7")
    save_table(TABLE, unknown)
    output = tmp_path / "provenance.csv"
    collect_provenance.main(["--results", str(known), str(unknown), "--output", str(output)])
    table = load_table(output)
    assert table["file"].tolist() == [str(known), str(unknown)]
    assert table.loc[0, ["commit", "config_hash", "seed"]].tolist() == ["0123abcd", "89ef", 7]
    assert table.loc[0, "torch"] == table["torch"].dropna().item()
    assert table.loc[1, "commit":].isna().all()


def test_a_script_that_computes_names_its_device(tmp_path):
    output = tmp_path / "ramp.csv"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "workflow.scripts.measure_ramp", "--table", str(output)),
            *("--curves", str(tmp_path / "ramp.safetensors"), "--device", "cpu"),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        check=False,
    )
    assert done.returncode == 0
    records = [read_provenance(path) for path in (output, tmp_path / "ramp.safetensors")]
    assert {record["script"] for record in records} == {"measure_ramp"}
    assert {record["device"] for record in records} == {name_processor()}


def test_state_of_a_repository(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=A", "-c", "user.email=a@b"]
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True)

    def commit_of():
        return provenance.describe_source(tmp_path, {})[provenance.COMMIT]

    assert commit_of() == ""
    git("init", "-q")
    (tmp_path / "file").write_text("one")
    git("add", "file")
    git("commit", "-q", "-m", "One")
    clean = commit_of()
    assert len(clean) == 40
    (tmp_path / "file").write_text("two")
    assert commit_of() == f"{clean}-dirty"
    unpacked = tmp_path / "unpacked"
    unpacked.mkdir()
    assert provenance.describe_source(unpacked, {})[provenance.COMMIT] == ""


def test_hash_of_settings_ignores_their_order():
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert provenance.hash_settings(one) == provenance.hash_settings(other)
    assert provenance.hash_settings(one) != provenance.hash_settings({**one, "a": 2})
