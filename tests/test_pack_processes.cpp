#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "tests/pack_cases.h"

using namespace sg;
using namespace sg::testing;

namespace {

namespace fs = std::filesystem;

/// A second process that tells its lines through a pipe and ends with the number it returns.
class Child {
  public:
    template <class Work>
    explicit Child(const Work& work) {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        process_ = ::fork();
        if (process_ == 0) {
            const auto say = [&](const std::string& line) {
                return ::write(ends[1], line.data(), line.size()) > 0;
            };
            int code = 99;
            try {
                code = work(say);
            } catch (const std::exception& error) {
                say(error.what());
            }
            ::_exit(code);
        }
        ::close(ends[1]);
        pipe_ = ends[0];
    }
    ~Child() { ::close(pipe_); }

    /// Reads until `text` was said, or the child has ended.
    void wait_for(const std::string& text) {
        char bytes[256];
        ssize_t got = 1;
        while (said.find(text) == std::string::npos && got > 0) {
            got = ::read(pipe_, bytes, sizeof bytes);
            if (got > 0) said.append(bytes, size_t(got));
        }
    }
    /// The exit code, or minus the signal.
    int end() {
        wait_for("(what no child says)");
        int status = 0;
        ::waitpid(process_, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    }
    void kill() const { ::kill(process_, SIGKILL); }

    std::string said;

  private:
    pid_t process_;
    int pipe_;
};

}  // namespace

TEST_CASE("two processes pack once", "[packs]") {
    Cached c;
    const auto expected = all_pixels(*c.decoded(), c.size);
    const auto print = pack_fingerprint(list_folders({.root = c.source.place, .name = "folders"}),
                                        c.source, c.size, 0);
    fs::create_directories(c.folder);
    const auto lock =
        fmt::format("{}/folders-{}x{}-{}.lock", c.folder, c.size.height, c.size.width, print.place);
    const int held = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
    const auto work = [&](const auto& say) {
        const auto data = open_dataset(
            c.source, {.size = c.size, .pack_folder = c.folder, .threads = 1, .say = say});
        const bool packed = data->stored(c.size);
        return packed && all_pixels(*data, c.size) == expected ? 0 : 1;
    };
    Child one(work), two(work);
    one.wait_for("waiting for it");
    two.wait_for("waiting for it");
    ::flock(held, LOCK_UN);  // for the children too: they have inherited the open file
    ::close(held);
    CHECK(one.end() == 0);
    CHECK(two.end() == 0);
    const bool first = one.said.find("packing 12") != std::string::npos;
    const bool second = two.said.find("packing 12") != std::string::npos;
    INFO(one.said << two.said);
    CHECK(first != second);
    CHECK(c.packs().size() == 1);
}

TEST_CASE("who is killed or stopped leaves nothing that looks like a pack", "[packs]") {
    Cached c;
    fs::create_directories(c.folder);
    const std::string path = c.folder + "/x.sgpack";
    const auto job = [&] { return file_pack_job(list_folders({.root = c.source.place}), c.size); };
    Child child([&](const auto& say) {
        PackJob slow = job();
        slow.progress = [&](int64_t, int64_t) {
            say("begun");
            ::pause();
        };
        write_pack(path, std::move(slow));
        return 0;
    });
    child.wait_for("begun");
    REQUIRE(files_in(c.folder).size() == 1);
    const std::string part = files_in(c.folder).at(0);
    CHECK_THAT(part, mentions("x.sgpack.part-"));
    c.open();  // leaves alone what a living process writes
    CHECK(fs::exists(c.folder + "/" + part));
    child.kill();
    CHECK(child.end() == -SIGKILL);
    CHECK(fs::exists(c.folder + "/" + part));
    CHECK(!fs::exists(path));
    write_pack(path, job());
    CHECK(!fs::exists(c.folder + "/" + part));
    CHECK(fs::exists(path));

    std::atomic<bool> stop = true;
    PackJob stopped = job(), failing = job();
    stopped.stop = &stop;
    CHECK_THROWS_AS(write_pack(c.folder + "/y.sgpack", std::move(stopped)), Stopped);
    failing.progress = [](int64_t, int64_t) { throw Error("test", "no more"); };
    CHECK_THROWS_WITH(write_pack(c.folder + "/y.sgpack", std::move(failing)), "test: no more");
    CHECK_THROWS_AS(
        open_dataset(c.source, {.size = {3, 3}, .pack_folder = c.folder, .stop = &stop}), Stopped);
    CHECK(files_in(c.folder, ".sgpack").size() == 2);
    for (const std::string& name : files_in(c.folder)) CHECK_THAT(name, !mentions(".part-"));
}
