# Options on the command line: --name=you --times=2 --tag=a,b --delay=1.5s
from datetime import timedelta

from tornado.options import define, options, parse_command_line

define("name", default="world", help="who is greeted")
define("times", default=1, type=int, help="how often")
define("tag", type=str, multiple=True, help="labels")
define("delay", default=timedelta(seconds=1), help="the time between two greetings")

if __name__ == "__main__":
    rest = parse_command_line()
    for _ in range(options.times):
        print("Hello, %s" % options.name)
    print("tags: %s" % " and ".join(options.tag))
    print("delay: %d ms" % (options.delay.total_seconds() * 1000))
    print("files: %s" % " and ".join(rest))
