"""Seeded sampling: from the right distribution, and the same for a row whatever stands beside it."""

import hashlib

import pytest
import torch
from PIL import Image
from scipy.stats import chisquare
from transformers import LlamaConfig, LlamaForCausalLM, SuppressTokensLogitsProcessor

from mirror.models.llava_chat import tokenize_prompt
from mirror.models.sampling import Forbidden, SeededSampling, gumbel, logarithm, noise_seeds, nucleus, split_mix

LOGITS = torch.tensor([2.0, 1.0, 0.5, 0.0, -0.5, -1.0, -3.0, -torch.inf])


def draw(logits, rows, temperature=1.0, top_p=1.0, first_seed=0):
    """[rows] tokens, a seed a row."""
    sampling = SeededSampling(range(first_seed, first_seed + rows), temperature, top_p)
    return sampling(torch.zeros(rows, 1, dtype=torch.long), logits.expand(rows, -1)).argmax(-1)


def is_drawn_from(tokens, probabilities):
    counts = torch.bincount(tokens, minlength=len(probabilities)).double()
    possible = probabilities > 0
    assert counts[~possible].sum() == 0
    expected = probabilities[possible].double() / probabilities[possible].double().sum() * len(tokens)
    return chisquare(counts[possible].numpy(), expected.numpy()).pvalue > 0.01


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_are_drawn_from_the_softmax(temperature):
    tokens = draw(LOGITS, 20_000, temperature)
    assert is_drawn_from(tokens, (LOGITS / temperature).softmax(-1))
    assert not is_drawn_from(tokens, (LOGITS / temperature / 1.2).softmax(-1))


def test_top_p_keeps_the_likeliest_tokens_and_their_proportions():
    probabilities = LOGITS.softmax(-1)
    assert probabilities[:3].sum() < 0.9 < probabilities[:4].sum()
    kept = torch.where(torch.arange(8) < 4, probabilities, 0)
    assert is_drawn_from(draw(LOGITS, 20_000, top_p=0.9), kept)


def test_top_p_is_taken_after_the_temperature():
    assert nucleus(LOGITS[None], 0.9).isfinite().sum() == 4
    assert set(draw(LOGITS, 2000, temperature=0.25, top_p=0.9).tolist()) == {0}


def test_the_nucleus_is_never_empty_and_ignores_where_a_token_stands():
    scores = torch.tensor([[-1.0, 5.0, 0.0], [0.0, -1.0, 5.0]])
    assert nucleus(scores, 1e-9).isfinite().tolist() == [[False, True, False], [False, False, True]]
    assert nucleus(scores, 1.0) is scores


@pytest.mark.parametrize("tokens", [[0], [2, 5, 5], list(range(1, 8))])
def test_forbidden_tokens_are_those_that_transformers_suppresses(tokens):
    scores, before = LOGITS.expand(3, -1), LOGITS.clone()
    forbidden = Forbidden(tokens)
    for _ in range(2):  # what it keeps for the next step says the same
        assert torch.equal(forbidden(None, scores), SuppressTokensLogitsProcessor(tokens)(None, scores))
    assert torch.equal(LOGITS, before)


def test_the_noise_is_gumbel_to_its_tail():
    noise = gumbel(torch.tensor(1), torch.arange(1_000_000)).double()
    for level in (-1.0, 0.0, 1.0, 4.0, 8.0):
        share, expected = (noise > level).double().mean(), 1 - torch.exp(-torch.exp(torch.tensor(-level)))
        assert share == pytest.approx(expected.item(), rel=0.15)
    assert noise.isfinite().all()


def test_the_hash_is_split_mix_64():
    """The first outputs of the generator that its authors published, for the seed 1234567."""
    numbers = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821]
    assert [int(n) % 2**64 for n in split_mix(torch.tensor(1234567), torch.arange(5))] == numbers
    assert [int(split_mix(torch.tensor(1234567), torch.tensor(n))) % 2**64 for n in range(5)] == numbers


def test_the_logarithm_is_one():
    numbers = torch.cat([2.0 ** torch.linspace(-1000, 1000, 100_001).double(), torch.rand(100_000).double() + 2**-53])
    ends = torch.tensor([2**-53, 0.5, 0.5**0.5, 1 - 2**-53, 1, 2**0.5, 36.8], dtype=torch.float64)
    for given in (numbers, ends):
        assert torch.allclose(logarithm(given), given.log(), rtol=1e-11, atol=0)


def noise_of(places, rows, vocabulary, device="cpu"):
    seeds = noise_seeds(torch.arange(rows), torch.arange(places)[:, None]).to(device)
    return gumbel(seeds[:, :, None], torch.arange(vocabulary, device=device)).cpu()


def test_the_noise_has_the_same_bits_on_every_machine():
    digest = hashlib.sha256(noise_of(8, 16, 4096).numpy().tobytes()).hexdigest()
    assert digest == "9d512c92254fe6225a6e2ecd1be235f06ca0c595a6ca50f4b4aea4aa3ab6f57a"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="PyTorch sees no GPU")
def test_the_noise_has_the_same_bits_on_a_gpu():
    assert noise_of(8, 16, 32_064).equal(noise_of(8, 16, 32_064, "cuda"))


@pytest.mark.parametrize("rows", [1, 3])
def test_noise_computed_ahead_is_the_noise_of_each_token(rows, monkeypatch):
    """Small vocabularies and GPUs compute many tokens' noise at a time, others that of the nucleus alone."""
    seeds, scores = [5, 2**63 - 1, 0][:rows], torch.randn(rows, 300)
    drawn = {}
    for draws in (2**17, 0):
        monkeypatch.setattr("mirror.models.sampling.CPU_DRAWS", draws)
        sampling = SeededSampling(seeds, 1.0, 0.9)
        drawn[draws] = torch.stack([sampling(None, scores) for _ in range(40)])  # more than two blocks
    assert drawn[0].equal(drawn[2**17])


def test_neighbouring_seeds_places_and_tokens_share_no_noise():
    noise = noise_of(20, 50, 100)
    assert noise.unique().numel() > 0.999 * noise.numel()
    flat = noise.double()
    for one, other in ((flat[1:], flat[:-1]), (flat[:, 1:], flat[:, :-1]), (flat[..., 1:], flat[..., :-1])):
        assert abs(torch.corrcoef(torch.stack([one.flatten(), other.flatten()]))[0, 1]) < 0.015


def test_copies_of_the_last_row_draw_what_it_draws():
    scores = torch.randn(2, 40)
    copied = SeededSampling([3, 4], 1.0, 0.9).with_copies(2)(None, scores[[0, 1, 1, 1]])
    assert copied.equal(SeededSampling([3, 4], 1.0, 0.9)(None, scores)[[0, 1, 1, 1]])


def test_each_token_is_drawn_anew():
    """A generator that began again with each token would choose the same place again and again."""
    rows, even = 5000, torch.zeros(5000, 10)
    sampling = SeededSampling(range(rows), 1.0, 1.0)
    first, second = (sampling(None, even).argmax(-1) for _ in range(2))
    assert (first == second).double().mean() == pytest.approx(0.1, abs=0.02)


def test_the_same_seed_draws_the_same_and_another_draws_anew():
    even = torch.zeros(1000)
    assert draw(even, 20, first_seed=7).equal(draw(even, 20, first_seed=7))
    assert len(set(draw(even, 20, first_seed=7).tolist())) > 15


def test_no_temperature_is_greedy():
    assert draw(LOGITS, 50, temperature=0.0).tolist() == [0] * 50


@pytest.mark.parametrize("temperature, top_p", [(-1.0, 0.9), (1.0, 0.0), (1.0, 1.1)])
def test_what_cannot_be_is_refused(temperature, top_p):
    with pytest.raises(ValueError, match=f"found {temperature} and {top_p}"):
        SeededSampling([1], temperature, top_p)


def test_a_row_without_a_seed_is_refused():
    with pytest.raises(ValueError, match="2 rows for 1 seeds"):
        SeededSampling([1], 1.0, 1.0)(None, torch.zeros(2, 4))


# In a model -----------------------------------------------------------------------------------------------------------

PROMPTS = [[5, 6, 7], [5], [9] * 11, [7, 6, 5, 4, 3], [8, 8]]
SEEDS = [11, 22, 33, 44, 55]
ENDS = list(range(56, 64))  # an eighth of the vocabulary, so that rows end early, each elsewhere


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        initializer_range=0.3,
        pad_token_id=0,
        eos_token_id=ENDS,
    )
    return LlamaForCausalLM(config).eval()


def generate(model, prompts, seeds, temperature=1.0, tokens=20):
    """Each row's tokens up to its end."""
    longest = max(map(len, prompts))
    output = model.generate(
        input_ids=torch.tensor([[0] * (longest - len(p)) + p for p in prompts]),
        attention_mask=torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts]),
        do_sample=False,
        max_new_tokens=tokens,
        logits_processor=[SeededSampling(seeds, temperature, 0.95)],
    )
    rows = output[:, longest:].tolist()
    return [row[: next((n for n, token in enumerate(row) if token in ENDS), len(row))] for row in rows]


def test_a_row_is_the_same_alone_and_in_any_batch(model):
    together = generate(model, PROMPTS, SEEDS)
    assert len(set(map(len, together))) > 2  # some end before others
    assert [generate(model, [p], [s])[0] for p, s in zip(PROMPTS, SEEDS, strict=True)] == together
    assert generate(model, PROMPTS[::-1], SEEDS[::-1])[::-1] == together
    assert generate(model, PROMPTS[1:3], SEEDS[1:3]) == together[1:3]


def test_other_seeds_give_other_rows(model):
    assert generate(model, PROMPTS, [seed + 1 for seed in SEEDS]) != generate(model, PROMPTS, SEEDS)
    same = generate(model, [PROMPTS[0]] * 5, SEEDS)
    assert len({tuple(row) for row in same}) > 1


def test_no_temperature_is_the_models_own_greedy_search(model):
    plain = model.generate(torch.tensor(PROMPTS[:1]), do_sample=False, max_new_tokens=20)[0, 3:].tolist()
    plain = plain[: next((n for n, token in enumerate(plain) if token in ENDS), len(plain))]
    assert generate(model, PROMPTS[:1], [1], temperature=0.0) == [plain]


def test_a_model_draws_from_its_own_softmax(model):
    prompt = torch.tensor(PROMPTS[:1])
    with torch.inference_mode():
        logits = model(prompt).logits[0, -1]
    likely = logits.masked_fill(logits < logits.topk(8).values[-1], -torch.inf)
    output = model.generate(
        prompt.expand(5000, -1),
        do_sample=False,
        max_new_tokens=1,
        suppress_tokens=[token for token in range(64) if likely[token].isinf()],
        logits_processor=[SeededSampling(range(5000), 1.0, 1.0)],
    )
    assert is_drawn_from(output[:, -1], likely.softmax(-1))


def test_a_vision_model_answers_the_same_alone_and_in_a_batch(llava):
    prompts = [f"USER: <image>\n{'Who is it? ' * n}ASSISTANT:" for n in (1, 4, 2)]
    images = [Image.new("RGB", (56, 56), color) for color in ("red", "green", "blue")]

    def answers(places):
        ids = [tokenize_prompt(llava.tokenizer, prompts[n], llava.image_token_id, llava.image_tokens) for n in places]
        longest = max(map(len, ids))
        output = llava.model.generate(
            input_ids=torch.tensor([[0] * (longest - len(i)) + i for i in ids]),
            attention_mask=torch.tensor([[0] * (longest - len(i)) + [1] * len(i) for i in ids]),
            pixel_values=llava.pixel_values([images[n] for n in places]),
            do_sample=False,
            min_new_tokens=12,
            max_new_tokens=12,
            logits_processor=[SeededSampling([SEEDS[n] for n in places], 1.0, 0.95)],
        )
        return output[:, longest:].tolist()

    assert answers([0, 1, 2]) == [answers([n])[0] for n in range(3)]
    assert len(set(map(tuple, answers([0, 1, 2])))) == 3
