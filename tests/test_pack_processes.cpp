#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>

#include "tests/pack_cases.h"
#include "train/data/pack_temporary.h"

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

/// The lock of who builds the pack.
int hold_lock(const Cached& c) {
    const auto print = pack_fingerprint(list_folders({.root = c.source.place, .name = "folders"}),
                                        c.source, c.size, 0);
    fs::create_directories(c.folder);
    const auto lock =
        fmt::format("{}/folders-{}x{}-{}.lock", c.folder, c.size.height, c.size.width, print.place);
    const int held = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    REQUIRE(::flock(held, LOCK_EX | LOCK_NB) == 0);
    return held;
}

/// For the children too: they have inherited the open file.
void release_lock(int held) {
    ::flock(held, LOCK_UN);
    ::close(held);
}

}  // namespace

TEST_CASE("two processes pack once", "[packs]") {
    Cached c;
    const auto expected = all_pixels(*c.decoded(), c.size);
    const int held = hold_lock(c);
    const auto work = [&](const auto& say) {
        const auto data = open_dataset(
            c.source, {.size = c.size, .pack_folder = c.folder, .threads = 1, .say = say});
        const bool packed = data->stored(c.size);
        return packed && all_pixels(*data, c.size) == expected ? 0 : 1;
    };
    Child one(work), two(work);
    one.wait_for("waiting for it");
    two.wait_for("waiting for it");
    release_lock(held);
    CHECK(one.end() == 0);
    CHECK(two.end() == 0);
    const bool first = one.said.find("packing 12") != std::string::npos;
    const bool second = two.said.find("packing 12") != std::string::npos;
    INFO(one.said << two.said);
    CHECK(first != second);
    CHECK(c.packs().size() == 1);
}

TEST_CASE("a bad pack is left to the process that builds another", "[packs]") {
    Cached c;
    const auto expected = all_pixels(*c.open(), c.size);
    const std::string path = c.folder + "/" + c.packs().at(0), good = path + ".good";
    fs::copy_file(path, good);
    fs::resize_file(path, 100);
    const int held = hold_lock(c);
    Child child([&](const auto& say) {
        const auto data = open_dataset(
            c.source, {.size = c.size, .pack_folder = c.folder, .threads = 1, .say = say});
        return all_pixels(*data, c.size) == expected ? 0 : 1;
    });
    child.wait_for("waiting for it");
    CHECK(fs::exists(path));
    fs::rename(good, path);
    release_lock(held);
    CHECK(child.end() == 0);
    CHECK_THAT(child.said, !mentions("packing again"));
    CHECK(c.packs().size() == 1);
}

TEST_CASE("who finds damage removes no other pack that lies there by now", "[packs]") {
    Cached c;
    const auto expected = all_pixels(*c.open(), c.size);
    const std::string path = c.folder + "/" + c.packs().at(0), good = path + ".good";
    fs::copy_file(path, good);
    flip_byte(path, pack_preamble_bytes);
    const auto data = c.open();
    fs::rename(good, path);
    CHECK(all_pixels(*data, c.size) == expected);
    CHECK(c.packs().size() == 1);
    c.open();
    CHECK(c.said.empty());
}

TEST_CASE("no name is lost to those who clear up", "[packs]") {
    const TempDir dir;
    std::atomic<int> kept = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 1500; ++i) {
                // Also removes what it can lock.
                const PackTemporary file(fmt::format("{}/{}.sgpack", dir.path(), t));
                std::this_thread::yield();
                const auto names = files_in(dir.path());
                kept += std::any_of(names.begin(), names.end(), [t](const std::string& name) {
                    return name.starts_with(fmt::format("{}.sgpack.part-", t));
                });
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(kept == 4 * 1500);
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
