import tracemalloc
from collections import Counter

import numpy as np
import pytest

from charnn.decoding.generator import Generator
from charnn.decoding.settings import SamplingSettings
from charnn.engine.engine import Engine
from charnn.errors import CheckpointError, SettingError
from charnn.tokenizers.registry import TOKENIZERS, TokenizerSettings, fit_tokenizer
from tests.networks import OPTIONS, random_tensors, with_cell

TEXT = "the quick brown fox jumps over the lazy dog;\nthe dog sleeps. Ünïcode 🙂 too, and 3.14!\n" * 3


def make(documents=False, labels=(), tokenizer="char", option="plain", cell="gru", seed=0):
    fitted = fit_tokenizer(lambda: iter([TEXT]), TokenizerSettings(tokenizer=tokenizer))
    settings = with_cell(OPTIONS[option], cell)
    tensors = random_tensors(settings, fitted.size, len(labels), seed)
    return Generator(Engine(settings, tensors), fitted, documents=documents, labels=labels)


@pytest.fixture(scope="module")
def plain():
    return make()


@pytest.fixture(scope="module")
def documents():
    return make(documents=True)


@pytest.fixture(scope="module")
def labelled():
    return make(documents=True, labels=("Dutch", "Irish", "Thai"))


EVERY_RULE = SamplingSettings(temperature=0.9, top_k=20, top_p=0.95, min_p=0.001, repetition_penalty=1.1, no_repeat=4)


@pytest.mark.parametrize("settings", [SamplingSettings(), EVERY_RULE])
@pytest.mark.parametrize("name", ["plain", "documents", "labelled"])
def test_a_sample_is_the_same_whatever_the_count(request, name, settings):
    generator = request.getfixturevalue(name)
    many = generator.sample("the", settings=settings, length=150, seed=5, count=19)
    assert len(set(many)) > 12
    for count in (1, 2, 6, 16):
        assert generator.sample("the", settings=settings, length=150, seed=5, count=count) == many[:count]


def test_a_seed_gives_its_text_again_and_another_seed_another(plain):
    one, same, other = (plain.sample("a", length=50, seed=seed)[0] for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_text_length_is_in_tokens(plain):
    assert [len(text) for text in plain.sample(length=77, count=2)] == [77, 77]


@pytest.mark.parametrize("length", [1, 8, 9, 200])
def test_pieces_joined_are_the_sample(plain, length):
    pieces = list(plain.stream("fox", length=length, seed=3, count=3))
    joined = ["".join(piece for number, piece in pieces if number == sample) for sample in range(3)]
    assert joined == plain.sample("fox", length=length, seed=3, count=3)


def test_a_longer_text_begins_with_the_shorter_one(plain):
    long = plain.sample("fox", length=300, seed=3, settings=EVERY_RULE)[0]
    assert long.startswith(plain.sample("fox", length=99, seed=3, settings=EVERY_RULE)[0])


def test_temperature_zero_ignores_the_seed_and_the_cutting_rules(plain):
    greedy = plain.sample("fox", settings=SamplingSettings(temperature=0.0), seed=1)
    assert greedy == plain.sample("fox", settings=SamplingSettings(temperature=0.0, top_k=5, top_p=0.5, min_p=0.1), seed=2)


def test_compiled_writing_equals_the_step_by_step_way(plain):
    class Wrapped:
        """The same network, but not as the compiled engine."""

        def __init__(self, engine):
            self.vocabulary_size, self.label_count = engine.vocabulary_size, engine.label_count
            self.start, self.read, self.step = engine.start, engine.read, engine.step

    stepped = Generator(Wrapped(plain.engine), plain.tokenizer, documents=False)
    options = {"length": 120, "seed": 4, "count": 3, "settings": EVERY_RULE}
    assert stepped.sample("dog", **options) == plain.sample("dog", **options)


def test_the_prompt_is_read_whatever_its_length(plain):
    prompt = TEXT * 200
    state = plain.engine.start(1)
    logits = plain.engine.read(plain.tokenizer.encode(prompt), state)[0].astype(np.float64)
    likeliest = int(np.argmax(logits[3:])) + 3
    assert plain.sample(prompt, length=1, settings=SamplingSettings(temperature=0.0)) == [plain.tokenizer.symbol(likeliest)]


@pytest.mark.parametrize("tokenizer", TOKENIZERS)
@pytest.mark.parametrize("prompt", ["the quick", "Ünïcode 🙂", "the dog sleeps.\n", ""])
def test_prompt_and_text_are_the_decoded_tokens(tokenizer, prompt):
    if tokenizer.startswith("torchtext"):
        pytest.importorskip("torchtext")
    generator = make(tokenizer=tokenizer, documents=True)
    ids = generator.prompt_ids(prompt)
    tokens = [3 + token % (generator.tokenizer.size - 3) for token in range(0, 400, 7)]
    stream = generator._primed(ids)
    continued = "".join([*map(stream.push, tokens), stream.finish()])
    assert generator.tokenizer.decode([*ids, *tokens]) == generator.tokenizer.decode(ids) + continued


def test_stop_text_and_what_follows_never_show(plain):
    whole = plain.sample("fox", length=400, seed=6)[0]
    for at in (0, 7, 63, 200):
        stop = whole[at : at + 5]
        (cut,) = plain.sample("fox", length=400, seed=6, stop=(stop, "no such text"))
        assert cut == whole[: whole.index(stop)]


def test_a_network_of_another_vocabulary_is_refused(plain, labelled):
    with pytest.raises(CheckpointError, match=r"^the model is damaged: its weights are for \d+ tokens and 3 labels, its"):
        Generator(labelled.engine, plain.tokenizer, documents=False)


def test_an_empty_stop_text_is_refused(plain):
    with pytest.raises(SettingError, match="stop must be a text of at least one character, got an empty one"):
        plain.sample(stop=("",))


def test_documents_end_and_plain_text_does_not(plain, documents):
    texts = documents.sample(count=30, until_end=True)
    assert len({len(text) for text in texts}) > 5
    assert max(map(len, texts)) < 5000
    assert {len(text) for text in plain.sample(count=30, length=300)} == {300}


def test_until_end_is_refused_for_plain_text(plain):
    with pytest.raises(SettingError, match=r"^until_end needs a model of documents; this one was trained on running text"):
        plain.sample(until_end=True)


def test_labels_change_the_text_and_are_drawn_evenly_when_none_is_given(labelled):
    by_label = {label: labelled.sample(label=label, seed=1, count=60) for label in labelled.labels}
    drawn = labelled.sample(seed=1, count=60)
    owners = Counter(next(label for label in by_label if by_label[label][i] == text) for i, text in enumerate(drawn))
    assert set(owners) == {"Dutch", "Irish", "Thai"}
    assert min(owners.values()) > 8


def test_an_unknown_label_is_refused(labelled, plain):
    with pytest.raises(SettingError, match=r"^label must be one of Dutch, Irish, Thai; got 'Greek'$"):
        labelled.sample(label="Greek")
    with pytest.raises(SettingError, match=r"^label was given, and this model was trained without labels; leave it out$"):
        plain.sample(label="Thai")
    with pytest.raises(SettingError, match=r"^label must be one of Dutch, Irish, Thai; got none$"):
        labelled.predict("the")


@pytest.mark.parametrize(("name", "value"), [("length", 0), ("count", 0), ("seed", -1)])
def test_numbers_out_of_their_limits_are_refused(plain, name, value):
    with pytest.raises(SettingError, match=f"^{name} must be at least"):
        plain.stream(**{name: value})


def test_unknown_symbols_of_a_prompt_are_read(plain):
    assert len(plain.sample("the Ж fox", length=5)[0]) == 5


def test_predict_gives_the_likeliest_tokens_best_first(plain):
    everything = plain.predict("the ", top=plain.tokenizer.size)
    assert sum(probability for _, probability in everything) == pytest.approx(1)
    assert plain.predict("the ", top=3) == everything[:3] == sorted(everything, key=lambda one: -one[1])[:3]
    logits = plain.engine.read(plain.tokenizer.encode("the "), plain.engine.start(1))[0]
    assert everything[0][0] == plain.tokenizer.symbol(int(logits.argmax()))


def test_a_beam_of_one_is_greedy(plain, documents):
    greedy = SamplingSettings(temperature=0.0)
    for generator in (plain, documents):
        assert generator.search("fox", beam=1, length=40) == generator.sample("fox", settings=greedy, length=40)


def test_a_beam_gives_its_best_texts(plain):
    texts = plain.search("fox", beam=6, length=12, count=6)
    scores = [score_of(plain, "fox", text) for text in texts]
    assert len(set(texts)) == 6
    assert scores == sorted(scores, reverse=True)
    assert scores[0] >= score_of(plain, "fox", plain.search("fox", beam=1, length=12)[0])
    with pytest.raises(SettingError, match=r"^count must be at most the beam of 2, got 3$"):
        plain.search(beam=2, count=3)


def score_of(generator, prompt, text):
    ids = generator.tokenizer.encode(prompt + text)
    return float(generator.engine.log_probabilities(ids, generator.engine.start(1))[0][len(prompt) - 1 :].sum())


def test_a_conversation_is_one_text(plain):
    """Each reply continues from the whole conversation, stop texts included."""
    greedy = SamplingSettings(temperature=0.0)
    talk = plain.conversation(settings=greedy)
    text = ""
    for turn in ("the quick", " brown", ""):
        text += turn
        reply = "".join(talk.reply(turn, length=9))
        assert reply == plain.sample(text, settings=greedy, length=9)[0]
        text += reply


def test_a_conversation_continues_right_after_the_stop_text(plain):
    settings = SamplingSettings(temperature=0.0)
    whole = plain.sample("fox", settings=settings, length=40)[0]
    stop = whole[5:8]
    at = whole.index(stop)
    talk = plain.conversation(settings=settings)
    assert "".join(talk.reply("fox", length=40, stop=(stop,))) == whole[:at]
    expected = plain.sample("fox" + whole[:at] + stop + "dog", settings=settings, length=9)
    assert ["".join(talk.reply("dog", length=9))] == expected


def test_a_conversation_goes_on_after_the_end_of_a_document(documents):
    talk = documents.conversation(seed=2)
    replies = ["".join(talk.reply("the", until_end=True)) for _ in range(3)]
    assert len(set(replies)) == 3


def test_memory_does_not_grow_with_the_length(plain):
    def peak(length):
        tracemalloc.start()
        for _ in plain.stream(length=length, settings=SamplingSettings(no_repeat=8)):
            pass
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(200)
    assert peak(20_000) < peak(2_000) + 20_000
