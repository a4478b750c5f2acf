"""The operator's file: what it may say, and how a mistake is told."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from api.errors import ConfigError, InvalidInput
from api.workloads.command import command_workload
from api.workloads.command.file import load_commands
from api.workloads.command.params import arguments, stdin_path
from api.workloads.command.template import Template
from api.workloads.registry import params_schema, validate_params

GOOD = r"""
[commands.resize]
title = "Resize a picture"
argv = ["sh", "{fast}", "--size={width}x{height}", ["--quality", "{quality}"], "{mode}", "{name}", "{picture}"]
progress = ['step (?P<current>\d+) of (?P<total>\d+)']

[commands.resize.params]
width = {type = "integer", min = 1, max = 4096, default = 640}
height = {type = "integer", min = 1, max = 4096}
quality = {type = "number", min = 0, max = 1, required = false}
fast = {type = "boolean", flag = "--fast"}
mode = {type = "choice", choices = ["-fit", "fill"], default = "fill"}
name = {type = "string", pattern = "[a-z -]+", description = "How it is called"}
picture = {type = "file"}
"""


@pytest.fixture
def write(tmp_path):
    def write(text):
        file = tmp_path / "commands.toml"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def resize(write):
    return load_commands(write(GOOD))[0]["resize"]


def argv(workload, params):
    template = Template.model_validate(workload.definition)
    values = dict.fromkeys(template.params) | workload.params.model_validate(params).model_dump()
    return arguments(template, values, lambda name: f"/input/{name}")


def test_a_command_is_a_type_of_task_with_a_schema_for_its_form(resize):
    schema = params_schema(resize)
    assert ("resize", "Resize a picture") == (resize.type, resize.title)
    assert {"height", "name", "picture"} == set(schema["required"])
    width = schema["properties"]["width"]
    assert (1, 4096, 640) == (width["minimum"], width["maximum"], width["default"])
    assert ["-fit", "fill"] == schema["properties"]["mode"]["enum"]
    assert "How it is called" == schema["properties"]["name"]["description"]


def test_a_child_process_makes_the_same_from_its_definition(resize):
    again = command_workload("resize", resize.definition)
    assert params_schema(resize) == params_schema(again)


def test_each_placeholder_stays_in_its_argument_whatever_it_holds(resize):
    given = argv(resize, {"height": 480, "name": "a b - c", "picture": "x y.png", "quality": 0.5, "fast": True})
    assert ["sh", "--fast", "--size=640x480", "--quality", "0.5", "fill", "a b - c", "/input/x y.png"] == given


def test_what_is_not_given_leaves_out_its_argument_with_all_of_its_group(resize):
    assert ["sh", "--size=640x480", "-fit", "a", "/input/p"] == argv(
        resize, {"height": 480, "name": "a", "picture": "p", "mode": "-fit"}
    )


@pytest.mark.parametrize(
    ("params", "name", "says"),
    [
        ({"name": "--rm"}, "name", "may not begin with '-'"),
        ({"name": "a;b"}, "name", "pattern"),
        ({"name": "a\n"}, "name", "pattern"),
        ({"name": "x\nA"}, "name", "pattern"),
        ({"width": 0}, "width", "greater than or equal to 1"),
        ({"width": "3"}, "width", "valid integer"),
        ({"width": True}, "width", "valid integer"),
        ({"quality": float("nan")}, "quality", "finite"),
        ({"mode": "stretch"}, "mode", "fit"),
        ({"picture": "../secret"}, "picture", "no such file"),
        ({"picture": "/etc/passwd"}, "picture", "no such file"),
        ({"widht": 3}, "widht", "not permitted"),
        ({"height": None}, "height", "valid integer"),
    ],
)
def test_wrong_params_are_named(resize, tmp_path, params, name, says):
    (tmp_path / "p.png").touch()
    good = {"height": 1, "name": "a", "picture": "p.png"}
    assert validate_params(resize, good, [tmp_path])
    with pytest.raises(InvalidInput) as refused:
        validate_params(resize, good | params, [tmp_path])
    assert [("params", name)] == [flaw.loc for flaw in refused.value.flaws]
    assert says in refused.value.message


def test_a_string_without_a_pattern_takes_anything_but_nul_and_an_option(write):
    text = '[commands.say]\nargv = ["echo", "{text}"]\nparams.text = {type = "string"}'
    say = load_commands(write(text))[0]["say"]
    assert ["echo", "$(id); `x` 'é\n"] == argv(say, {"text": "$(id); `x` 'é\n"})
    for wrong in ("-n", "a\0b", "x" * 1001, "\ud800"):
        with pytest.raises(InvalidInput):
            validate_params(say, {"text": wrong}, [])
    dashed = load_commands(write(text.replace('"string"', '"string", leading_dash = true')))[0]["say"]
    assert ["echo", "-n"] == argv(dashed, {"text": "-n"})


def test_a_file_can_be_what_the_command_reads(write):
    text = '[commands.count]\nargv = ["wc"]\nstdin = "{text}"\nparams.text = {type = "file"}'
    template = Template.model_validate(load_commands(write(text))[0]["count"].definition)
    assert "/input/a" == stdin_path(template, {"text": "a"}, lambda name: f"/input/{name}")


def test_the_file_of_the_how_to_works_as_written(write, tmp_path):
    page = (Path(__file__).parents[4] / "docs" / "how-to" / "run-a-command.md").read_text()
    file, more = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    commands, _ = load_commands(write(file + "\n[commands.more]\nargv = ['sh']\n" + more))
    assert "more" in commands
    (tmp_path / "a.txt").touch()
    count = commands["count-words"]
    assert {"what": "--words", "text": "a.txt"} == validate_params(count, {"text": "a.txt"}, [tmp_path])
    assert ["wc", "--lines", "/input/a"] == argv(count, {"what": "--lines", "text": "a"})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[commands.x", "is not TOML: "),
        ("other = 1", "holds tables [commands.<name>] and nothing else, not other"),
        ("[commands]\nx = 1", "holds tables [commands.<name>]"),
        ("[commands.X]\nargv = ['sh']", "commands.X: workload type 'X'"),
        ("[commands.x]", "commands.x.argv: Field required"),
        ("[commands.x]\nargv = []", "commands.x.argv: "),
        ("[commands.x]\nargv = ['{p}']\nparams.p = {type='string'}", "the first is the program"),
        ("[commands.x]\nargv = ['sh', '{p}']", "commands.x: argv: there is no param 'p'"),
        ("[commands.x]\nargv = ['sh', '{p!r}']\nparams.p = {type='string'}", "only {name} may stand in braces"),
        ("[commands.x]\nargv = ['sh', '{p.q}']\nparams.p = {type='string'}", "only {name} may stand in braces"),
        ("[commands.x]\nargv = ['sh', '{']", "commands.x: "),
        ("[commands.x]\nargv = ['sh']\nparams.p = {type='string'}", "params.p: is not used"),
        ("[commands.x]\nargv = ['sh', 3]", "commands.x.argv.1"),
        ("[commands.x]\nargv = ['sh']\nshell = true", "commands.x.shell: Extra inputs"),
        ("[commands.x]\nargv = ['sh']\ncwd = 'here'", "commands.x.cwd: "),
        ("[commands.x]\nargv = ['sh']\nprogress = ['(']", "commands.x.progress.0: is no regular expression"),
        ("[commands.x]\nargv = ['sh']\nprogress = ['(?P<a>1)']", "commands.x.progress.0: needs the group percent"),
        ("[commands.x]\nargv = ['sh']\nmetrics = ['a']", "commands.x.metrics.0: has no named group"),
        ("[commands.x]\nargv = ['sh', '{p}']\nparams.p = {type='text'}", "commands.x.params.p: "),
        ("[commands.x]\nargv = ['sh', '{p}']\nparams.p = {type='integer', max='3'}", "commands.x.params.p.max: "),
        (
            "[commands.x]\nargv = ['sh', '{p}']\nparams.p = {type='integer', max=3, default=4}",
            "commands.x.params.p.default: Input should be less than or equal to 3",
        ),
        (
            "[commands.x]\nargv = ['sh', '{p}']\nparams.p = {type='integer', max=3}\nexample = {p = 4}",
            "commands.x.example.p: Input should be less than or equal to 3",
        ),
        ("[commands.x]\nargv = ['sh', '{p}']\nparams.p = {type='string', pattern='('}", "commands.x: "),
        (
            "[commands.x]\nargv = ['sh', '-{p}']\nparams.p = {type='boolean', flag='f'}",
            "argv: {p} is a boolean, which must stand alone",
        ),
        ("[commands.x]\nargv = ['sh', '{p}']\nstdin = '{p}'\nparams.p = {type='string'}", "stdin: must be {name}"),
    ],
)
def test_a_mistake_is_told_with_file_and_key(write, text, says):
    file = write(text)
    with pytest.raises(ConfigError) as refused:
        load_commands(file)
    assert refused.value.message.startswith(str(file))
    assert says in refused.value.message


def test_every_mistake_of_a_file_is_told_at_once(write):
    with pytest.raises(ConfigError) as refused:
        load_commands(write("[commands.a]\n[commands.b]\nargv = ['sh', '{x}']"))
    assert 2 == len(refused.value.message.splitlines())


def test_a_file_that_is_not_there_is_told_with_the_setting(tmp_path):
    with pytest.raises(ConfigError, match=r"RUNCAST_COMMANDS_FILE: .*none.toml: No such file"):
        load_commands(tmp_path / "none.toml")


def test_a_program_that_is_not_installed_breaks_its_command_only(write):
    good, missing = load_commands(
        write("[commands.a]\nargv = ['no-such-program']\n[commands.b]\nargv = ['./sh']\n[commands.c]\nargv = ['sh']")
    )
    assert ({"c"}, {"a", "b"}) == (set(good), set(missing))
    assert "there is no program 'no-such-program'" in missing["a"]
