"""Results of a counter."""


def table(results):
    return [f"nats {results['nats']:.4f}"]


def errors_table(worst):
    return [f"{one['nats']:.2f}  {one['where']}" for one in worst]
