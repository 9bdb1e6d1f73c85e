# docker-py, asked from stdin: one JSON line an operation, one JSON line of times back.
import json, sys, time
import docker

host, mode = sys.argv[1], sys.argv[2]
client = docker.DockerClient(base_url=host, version="auto")
api = client.api


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


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
    else:
        key, value = subject["label"]
        config = api.create_host_config(network_mode="none")
        made = api.create_container(subject["image"], ["true"], labels={key: value}, host_config=config)
        api.start(made["Id"])
        api.wait(made["Id"])
        api.remove_container(made["Id"])


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
