# docker-py, asked from stdin: one JSON line an operation, one JSON line of times back.
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
import docker

host, mode = sys.argv[1], sys.argv[2]
client = docker.DockerClient(base_url=host, version="auto")
api = client.api


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def begun(subject, command):
    key, value = subject["label"]
    config = api.create_host_config(network_mode="none")
    made = api.create_container(subject["image"], command, labels={key: value}, host_config=config)
    api.start(made["Id"])
    return made["Id"]


def once(op, subject):
    if op == "ping":
        api.ping()
    elif op == "inspect":
        api.inspect_container(subject["id"])
    elif op == "list":
        api.containers(all=True)
    elif op == "exec":
        made = api.exec_create(subject["id"], ["true"])
        api.exec_start(made["Id"])
        api.exec_inspect(made["Id"])
    elif op == "many":
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: api.remove_container(begun(subject, ["sleep", "600"]), force=True), range(200)))
    else:
        made = begun(subject, ["true"])
        api.wait(made)
        api.remove_container(made)


if mode == "events":
    stream = api.events(decode=True)
    say({"name": "docker-py " + docker.__version__})
    for event in stream:
        if event.get("Action") == "rename":
            say({"name": event["Actor"]["Attributes"]["name"], "ns": time.monotonic_ns()})
else:
    say({"name": "docker-py " + docker.__version__})
    for line in sys.stdin:
        ask = json.loads(line)
        times, cpu = [], time.process_time()
        for _ in range(ask["count"]):
            begin = time.perf_counter()
            once(ask["op"], ask["subject"])
            times.append((time.perf_counter() - begin) * 1e6)
        say({"us": times, "cpu_us": (time.process_time() - cpu) * 1e6})
