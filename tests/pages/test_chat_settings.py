"""How a model is asked: settings it takes, the guide's uses, own presets, stop words, a schema."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from lib.web import chat_samples, kit
from tests.pages.conftest import Open
from tests.pages.test_chat import GEMINI, GEMMA, QWEN, choose, click, keys, say, texts, unfold

NO_SAMPLING = "gemini/gemini-3.6-flash"  # a newer model, which takes no temperature


def settings(page: AppTest, *models: str) -> AppTest:
    return unfold(choose(page, *models), "chat_settings")


def shown(page: AppTest) -> set[str]:
    """The settings one can change."""
    widgets = [*page.number_input, *page.text_area, *page.multiselect, *page.segmented_control]
    found = [str(widget.key) for widget in widgets]
    return {key.removeprefix("chat_set_") for key in found if key.startswith("chat_set_")}


def test_settings_reach_the_model(open_page: Open, fake) -> None:
    """System prompt, longest answer, sampling and stop words are sent with the next prompt."""
    page = settings(open_page(), GEMMA)
    page.text_area(key="chat_set_system").set_value("be brief").run()
    page.number_input(key="chat_set_max_tokens").set_value(512).run()
    page.number_input(key="chat_set_temperature").set_value(0.2).run()
    page.number_input(key="chat_set_top_p").set_value(0.9).run()
    page.number_input(key="chat_set_seed").set_value(7).run()
    page.multiselect(key="chat_set_stop").set_value(["END", "\n"]).run()
    say(page, "hello")

    sent = fake.asked[-1].body
    assert sent["messages"][0] == {"role": "system", "content": "be brief"}
    assert sent["options"] == {
        "num_ctx": sent["options"]["num_ctx"], "num_predict": 512, "temperature": 0.2,
        "top_p": 0.9, "seed": 7, "stop": ["END", "\n"],
    }  # fmt: skip


def test_what_is_not_set_is_not_sent(open_page: Open, fake) -> None:
    """A model does by itself what nobody told it to do otherwise."""
    page = settings(open_page(), GEMMA)
    page.number_input(key="chat_set_temperature").set_value(0.2).run()
    page.number_input(key="chat_set_temperature").set_value(None).run()
    say(page, "hello")

    assert set(fake.asked[-1].body["options"]) == {"num_ctx", "num_predict"}


def test_several_settings_in_a_row(open_page: Open) -> None:
    """The panel stays open while one thing after the other is changed, and forgets nothing."""
    page = settings(open_page(), GEMMA)
    page.number_input(key="chat_set_temperature").set_value(0.3).run()
    page.number_input(key="chat_set_top_p").set_value(0.5).run()
    page.number_input(key="chat_set_seed").set_value(5).run()
    assert page.number_input(key="chat_set_temperature").value == 0.3
    unfold(unfold(page, "chat_settings", shown=False), "chat_settings")

    values = [page.number_input(key=f"chat_set_{name}").value for name in
              ("temperature", "top_p", "seed")]  # fmt: skip
    assert values == [0.3, 0.5, 5]


def test_only_what_a_model_takes_is_shown(open_page: Open, fake) -> None:
    """What would not be sent cannot be set; of several models the help names those without it."""
    page = settings(open_page(), NO_SAMPLING)
    assert {"system", "max_tokens", "thinking", "media_resolution"} <= shown(page)
    assert not {"temperature", "top_p"} & shown(page)
    settings(page, GEMMA)
    assert {"temperature", "top_p", "seed", "stop"} <= shown(page)
    assert not {"thinking", "media_resolution"} & shown(page)
    settings(page, GEMMA, NO_SAMPLING)

    assert NO_SAMPLING in page.number_input(key="chat_set_temperature").help


def test_a_setting_survives_a_model_without_it(open_page: Open, fake) -> None:
    """Looking at the settings of another model does not undo what was set for the first."""
    page = settings(open_page(), GEMMA)
    page.number_input(key="chat_set_temperature").set_value(0.2).run()
    settings(page, NO_SAMPLING)
    say(page, "one")
    assert "temperature" not in json.dumps(fake.asked[-1].body)
    settings(page, GEMMA)
    say(page, "two")

    assert page.number_input(key="chat_set_temperature").value == 0.2
    assert fake.asked[-1].body["options"]["temperature"] == 0.2


def test_thinking_is_told_in_the_models_words(open_page: Open, fake) -> None:
    """A level chosen is sent; none chosen leaves it to the model."""
    page = settings(open_page(), GEMINI)
    say(page, "one")
    assert "thinkingLevel" not in json.dumps(fake.asked[-1].body)
    page.segmented_control(key="chat_set_thinking").set_value("high").run()
    say(page, "two")

    assert "high" in json.dumps(fake.asked[-1].body["generationConfig"]["thinkingConfig"]).lower()


def test_a_schema_shapes_the_answer(open_page: Open, fake) -> None:
    """An answer is held to a JSON schema."""
    page = settings(open_page(), GEMMA)
    schema = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}
    page.text_area(key="chat_schema").set_value(json.dumps(schema)).run()
    say(page, "sum")

    assert fake.asked[-1].body["format"] == schema


@pytest.mark.parametrize("wrong", ["{", "[]", "5"])
def test_a_wrong_schema_is_told_and_the_prompt_kept(open_page: Open, fake, wrong: str) -> None:
    """Nothing is sent, the text stays in the line, and the message says where the schema is."""
    page = settings(open_page(), GEMMA)
    before = len(fake.asked)
    page.text_area(key="chat_schema").set_value(wrong).run()
    assert "JSON schema" in page.error[0].value
    unfold(page, "chat_settings", shown=False)
    say(page, "sum")

    assert "JSON schema" in page.error[0].value
    assert page.chat_input(key="chat_input").value == "sum"
    assert len(page.chat_message) == 0
    assert len(fake.asked) == before


def test_a_use_of_the_guide(open_page: Open, fake) -> None:
    """Its settings, its sample prompt into the line, and both are sent."""
    page = choose(open_page(), GEMMA)
    page.pills(key="chat_use").set_value("moderate").run()
    click(page, "chat_prompt_moderate_1")
    use = chat_samples.use("moderate")
    written = page.chat_input(key="chat_input").value
    say(page, written)

    sent = fake.asked[-1].body
    assert written == use.prompts[1]
    assert sent["messages"][0]["content"] == use.options.system
    assert sent["format"] == use.options.json_schema
    assert sent["options"]["temperature"] == 0


@pytest.mark.parametrize("use", chat_samples.USES, ids=lambda use: use.key)
def test_a_preset_of_the_guide(open_page: Open, fake, use: chat_samples.Use) -> None:
    """Each can be chosen in the settings as well, is shown there, and is sent."""
    page = settings(open_page(), QWEN)
    page.selectbox(key="chat_preset").set_value(f"use:{use.key}").run()
    assert page.text_area(key="chat_set_system").value == use.options.system
    say(page, use.prompts[0])

    sent = fake.asked[-1].body
    assert sent["messages"][0]["content"] == use.options.system
    assert sent["max_tokens"] == use.options.max_tokens
    assert sent["temperature"] == use.options.temperature
    assert ("response_format" in sent) == (use.options.json_schema is not None)


def test_an_own_preset(open_page: Open, fake) -> None:
    """What was set can be saved under a name, taken in another visit, and deleted."""
    page = settings(open_page(), GEMMA)
    page.text_area(key="chat_set_system").set_value("answer in French").run()
    page.number_input(key="chat_set_temperature").set_value(0.4).run()
    page.text_input(key="chat_preset_new").set_value("French")
    click(page, "chat_preset_save")

    other = settings(open_page(), GEMMA)
    assert "chat_preset_delete" not in keys(other)
    other.selectbox(key="chat_preset").set_value("own:French").run()
    say(other, "hello")
    assert fake.asked[-1].body["messages"][0]["content"] == "answer in French"
    assert fake.asked[-1].body["options"]["temperature"] == 0.4

    click(other, "chat_preset_delete")
    assert kit.app().presets.all() == {}
    assert other.selectbox(key="chat_preset").value is None
    assert not any("own:" in str(option) for option in other.selectbox(key="chat_preset").options)


def test_a_preset_wants_a_name(open_page: Open) -> None:
    """Without one nothing is saved, and the panel says so."""
    page = click(settings(open_page(), GEMMA), "chat_preset_save")

    assert "name" in page.error[0].value
    assert kit.app().presets.all() == {}


def test_settings_are_seen_on_the_button(open_page: Open) -> None:
    """A dot tells that something is set, also when the panel is closed."""
    page = settings(open_page(), GEMMA)
    page.number_input(key="chat_set_seed").set_value(5).run()
    unfold(page, "chat_settings", shown=False)

    labels = [block.proto.popover.label for block in popovers(page)]
    assert "Settings ·" in labels
    assert "5" not in texts(page)


def popovers(page: AppTest) -> list:
    return [block for block in page.main.get("popover") if block.proto.popover.label]
