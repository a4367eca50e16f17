# A daemon in Ruby; what it does is what the one in each other language here does.
$stdout.sync = true

File.write("x.pid", "#{$$}\n")
File.write("made", "#{$$}\n")
File.rename("made", "y.pid")

puts "before: #{trap("ALRM") { puts "handled" }}"
Process.kill("ALRM", $$)
puts "after: #{trap("ALRM", "DEFAULT").class} #{trap("TERM", "DEFAULT")}"

system("echo works; exit 5")
puts "child: #{$?.exitstatus}"
system("kill -TERM $$")
puts "killed: #{$?.termsig}"

puts "ready"
$stdin.gets
case ARGV[0]
when "exit" then exit 3
when "_exit" then exit! 3
when "alarm" then Process.kill("ALRM", $$)
when "abort" then Process.kill("ABRT", $$)
end
sleep
